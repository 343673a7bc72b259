import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { machineClock } from '../../region/clock.ts';
import type { BusEvent } from '../../region/context.ts';
import { Faults } from '../../region/faults.ts';
import { compileTransformer, type InputTransformer } from '../../region/input-transformer.ts';
import { readPolicy } from '../../region/policy.ts';
import { createEvents } from '../../region/services/events.ts';
import { createTopics } from '../../region/services/topics.ts';

const event = {
  source: 'shoal',
  'detail-type': 'Shoal Launch Held',
  detail: { text: 'tokyo: "held"', next: 'look', count: 3 },
} as unknown as BusEvent;
const transformer = {
  InputPathsMap: { text: '$.detail.text', next: '$.detail.next' },
  InputTemplate: '"<text> Next: <next>"',
};

/** A rule `notices` with a topic for a target, and a topic's policy for the rule of that name. */
function start(allowed: string, transform?: InputTransformer) {
  const dead: unknown[] = [];
  const told: string[] = [];
  const topics = createTopics(machineClock, (name, message) => void told.push(`${name} ${message}`));
  const topicArn = topics.create('notifications');
  const SourceArn = `arn:aws:events:ap-northeast-1:000000000000:rule/${allowed}`;
  const statement = {
    ...{ Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
    ...{
      Action: 'sns:Publish',
      Resource: topicArn,
      Condition: { ArnEquals: { 'aws:SourceArn': SourceArn } },
    },
  };
  topics.setPolicy(topicArn, readPolicy({ Statement: statement }, 'resource'));
  const events = createEvents({
    clock: machineClock,
    newId: randomUUID,
    pace: { scheduleTickMs: undefined },
    faults: new Faults(machineClock, () => 0.5),
    publish: () => {},
    functions: { permits: () => true, invokeAsync: () => {} },
    topics,
    queues: { permits: () => true, send: (_, __, attributes) => void dead.push(attributes) },
  });
  events.createRule({
    name: 'notices',
    pattern: { source: ['shoal'] },
    enabled: true,
    targets: [
      {
        arn: topicArn,
        deadLetterQueue: 'arn:queue',
        ...(transform && { transform: compileTransformer(transform) }),
      },
    ],
  });
  events.deliver(event);
  const messages = topics.messages(topicArn).map(({ message }) => message);
  return { messages, told, dead };
}

test('a topic is told what the template makes of the event', () => {
  const { messages, told, dead } = start('notices', transformer);
  expect(messages).toEqual(['"tokyo: \\"held\\" Next: look"']);
  expect(told).toEqual([`notifications ${messages[0]}`]);
  expect(dead).toEqual([]);
});

test('without a template the topic is told the event', () => {
  expect(JSON.parse(start('notices').messages[0] as string)).toEqual(event);
});

test('a rule that the topic does not allow leaves a dead letter', () => {
  const { messages, dead } = start('other', transformer);
  expect(messages).toEqual([]);
  expect(dead).toMatchObject([{ ERROR_CODE: 'NO_PERMISSIONS' }]);
});

test('what the event has no place for leaves nothing behind, and numbers are written out', () => {
  const make = compileTransformer({
    InputPathsMap: { gone: '$.detail.gone.deeper', count: '$.detail.count' },
    InputTemplate: '"[<gone>] <count>"',
  });
  expect(make(event)).toBe('"[] 3"');
});

test.each([
  [{ InputTemplate: '"<text>"' }, '<text> has no path'],
  [{ InputPathsMap: { text: 'detail.text' }, InputTemplate: '"x"' }, 'path detail.text of text'],
  [{ InputPathsMap: { text: '$.detail[0]' }, InputTemplate: '"x"' }, 'path $.detail[0] of text'],
  [{ InputPathsMap: {}, InputTemplate: '{"a": 1}' }, 'one text in quotes'],
])('the transformer %j is refused', (given, reason) => {
  expect(() => compileTransformer(given as InputTransformer)).toThrow(reason);
});
