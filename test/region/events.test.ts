import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { machineClock } from '../../region/clock.ts';
import type { BusEvent } from '../../region/context.ts';
import { Faults } from '../../region/faults.ts';
import { readPolicy } from '../../region/policy.ts';
import { AwsError } from '../../region/service.ts';
import { createEvents, type RuleDefinition } from '../../region/services/events.ts';
import { createQueues } from '../../region/services/queues.ts';
import { createTopics } from '../../region/services/topics.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const allowed = {
  Effect: 'Allow',
  Principal: { Service: 'events.amazonaws.com' },
  Action: 'sqs:SendMessage',
  Resource: '*',
};
const ruleArn = 'arn:aws:events:ap-northeast-1:000000000000:rule/rule';
const event: BusEvent = {
  version: '0',
  id: 'id',
  source: 'aws.ssm',
  'detail-type': 'Parameter Store Change',
  account: '000000000000',
  region: 'ap-northeast-1',
  time: '2026-11-24T12:00:00Z',
  resources: [],
  detail: { name: '/shoal/demo/port' },
};

function start(
  options: { permitted?: boolean; gone?: boolean; statements?: object[]; tickMs?: number } = {},
) {
  const invoked: { functionArn: string; event: BusEvent; at: number }[] = [];
  const queues = createQueues({ clock: machineClock, newId: randomUUID });
  const faults = new Faults(machineClock, () => 0.5);
  const topics = createTopics(machineClock, () => {});
  const queue = queues.create('dead-letters');
  queues.setPolicy(queue.url, readPolicy({ Statement: options.statements ?? [allowed] }, 'resource'));
  const events = createEvents({
    clock: machineClock,
    newId: () => 'new-id',
    pace: { scheduleTickMs: options.tickMs },
    faults,
    publish: (published) => events.deliver(published),
    functions: {
      permits: () => options.permitted ?? true,
      invokeAsync(functionArn, event) {
        if (options.gone) throw new AwsError('ResourceNotFoundException', 'Function not found', 404);
        invoked.push({ functionArn, event: event as BusEvent, at: Date.now() - 1_800_000_000_000 });
      },
    },
    topics,
    queues,
  });
  const rule = (definition: Partial<RuleDefinition>) =>
    events.createRule({
      name: 'rule',
      enabled: true,
      targets: [{ arn: 'arn:work', deadLetterQueue: queue.arn }],
      ...definition,
    });
  const putEvents = (Entries: object[]) =>
    events.service.operations.PutEvents!({ Entries }, { identity: '', accessKeyId: '', requestId: '' });
  return { events, faults, rule, invoked, putEvents, dead: () => queues.messages(queue.arn) };
}

test('an event goes to the targets of the rules it matches', () => {
  const { events, rule, invoked } = start();
  rule({ pattern: { source: ['aws.ssm'] } });
  rule({ name: 'other', pattern: { source: ['aws.ec2'] } });
  rule({ name: 'disabled', pattern: { source: ['aws.ssm'] }, enabled: false });
  events.deliver(event);
  expect(invoked).toEqual([{ functionArn: 'arn:work', event, at: 0 }]);
});

test('a schedule sends its own event at its own rate', async () => {
  const { events, rule, invoked } = start();
  rule({ schedule: 'rate(1 minute)' });
  await vi.advanceTimersByTimeAsync(125_000);
  expect(invoked.map(({ at }) => at)).toEqual([60_000, 120_000]);
  expect(invoked[0]!.event).toMatchObject({
    source: 'aws.events',
    'detail-type': 'Scheduled Event',
    resources: [ruleArn],
    detail: {},
  });
  events.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('a schedule can tick faster than its rate', async () => {
  const { rule, invoked } = start({ tickMs: 5_000 });
  rule({ schedule: 'rate(1 minute)' });
  await vi.advanceTimersByTimeAsync(11_000);
  expect(invoked.map(({ at }) => at)).toEqual([5_000, 10_000]);
});

test('a target that is gone sends the event to the dead letters', () => {
  const { events, rule, dead } = start({ gone: true });
  rule({ pattern: { source: ['aws.ssm'] } });
  events.deliver(event);
  expect(dead()).toEqual([
    {
      body: JSON.stringify(event),
      attributes: {
        RULE_ARN: ruleArn,
        TARGET_ARN: 'arn:work',
        ERROR_CODE: 'NO_RESOURCE',
        ERROR_MESSAGE: 'Function not found',
      },
    },
  ]);
});

test('a throttled target is tried again, and given up as its policy says', async () => {
  const { events, faults, rule, invoked, dead } = start();
  faults.add({ kind: 'throttle', subject: 'Invoke', times: 4 });
  const retryPolicy = { maximumRetryAttempts: 2 };
  rule({
    pattern: { source: ['aws.ssm'] },
    targets: [
      {
        arn: 'arn:work',
        retryPolicy,
        deadLetterQueue: 'arn:aws:sqs:ap-northeast-1:000000000000:dead-letters',
      },
    ],
  });
  events.deliver(event);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(dead()[0]?.attributes).toMatchObject({
    ERROR_CODE: 'THROTTLING',
    EXHAUSTED_RETRY_CONDITION: 'MaximumRetryAttempts',
    RETRY_ATTEMPTS: '2',
  });
  expect(invoked).toEqual([]);
  events.deliver(event);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(invoked.map(({ at }) => at)).toEqual([11_000]);
});

test('a missing permission sends the event to the dead letters', () => {
  const { events, rule, invoked, dead } = start({ permitted: false });
  rule({ pattern: { source: ['aws.ssm'] } });
  events.deliver(event);
  expect(invoked).toEqual([]);
  expect(dead().map(({ attributes }) => attributes.ERROR_CODE)).toEqual(['NO_PERMISSIONS']);
});

test.each([
  ['without a policy', [], 0],
  [
    'that allows another rule',
    [{ ...allowed, Condition: { ArnEquals: { 'aws:SourceArn': `${ruleArn}-2` } } }],
    0,
  ],
  [
    'that allows this rule',
    [{ ...allowed, Condition: { ArnEquals: { 'aws:SourceArn': [`${ruleArn}-2`, ruleArn] } } }],
    1,
  ],
  [
    'that allows another account',
    [{ ...allowed, Condition: { StringEquals: { 'aws:SourceAccount': '111111111111' } } }],
    0,
  ],
])('a queue %s keeps what it may', (_, statements, kept) => {
  const { events, rule, dead } = start({ permitted: false, statements });
  rule({ pattern: { source: ['aws.ssm'] } });
  events.deliver(event);
  expect(dead()).toHaveLength(kept);
});

test('put-events takes the good entries and names the bad ones', () => {
  const { rule, invoked, putEvents } = start();
  rule({ pattern: { source: ['me'] } });
  const good = { Source: 'me', DetailType: 'Test', Detail: '{"a":1}' };
  const output = putEvents([
    good,
    { ...good, Source: undefined },
    { ...good, Detail: '[1]' },
    { ...good, Detail: '{' },
    { ...good, Source: 'aws.ssm' },
    { ...good, EventBusName: 'other' },
  ]);
  expect(output).toEqual({
    FailedEntryCount: 5,
    Entries: [
      { EventId: 'new-id' },
      {
        ErrorCode: 'InvalidArgument',
        ErrorMessage: 'Parameter Source is not valid. Reason: Source is a required argument.',
      },
      { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' },
      { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' },
      { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' },
      { ErrorCode: 'InvalidArgument', ErrorMessage: expect.stringContaining('default bus') },
    ],
  });
  expect(invoked.map(({ event }) => event)).toEqual([
    {
      version: '0',
      id: 'new-id',
      source: 'me',
      'detail-type': 'Test',
      account: '000000000000',
      region: 'ap-northeast-1',
      time: '2027-01-15T08:00:00Z',
      resources: [],
      detail: { a: 1 },
    },
  ]);
});

test.each([
  [{ schedule: 'rate(1 minutes)' }, 'not valid: rate(1 minutes)'],
  [{ schedule: 'rate(5 minute)' }, 'not valid'],
  [{ schedule: 'cron(0 12 * * ? *)' }, 'not valid'],
  [{ pattern: { source: 'x' } }, 'Event pattern is not valid'],
  [{}, 'needs EventPattern or ScheduleExpression'],
])('the rule %j is refused', (definition, reason) => {
  expect(() => start().rule(definition)).toThrow(reason);
});

test('a queue forgets a message when its retention period is over, received or not', () => {
  const queues = createQueues({ clock: machineClock, newId: randomUUID });
  const { arn, url } = queues.create('kept', { retentionSeconds: 60 });
  const caller = { identity: 'x', accessKeyId: 'x', requestId: 'x' };
  const waiting = () =>
    queues.service.operations.GetQueueAttributes?.({ QueueUrl: url, AttributeNames: ['All'] }, caller);
  queues.send(arn, 'first');
  vi.advanceTimersByTime(30_000);
  queues.send(arn, 'second');
  vi.advanceTimersByTime(29_999);
  expect(waiting()).toMatchObject({ Attributes: { ApproximateNumberOfMessages: '2' } });
  vi.advanceTimersByTime(1);
  expect(queues.messages(arn).map(({ body }) => body)).toEqual(['second']);
  vi.advanceTimersByTime(30_000);
  expect(waiting()).toMatchObject({ Attributes: { ApproximateNumberOfMessages: '0' } });
});
