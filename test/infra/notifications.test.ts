import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from '../scenarios/virtual-region.ts';

const topic = 'arn:aws:sns:ap-northeast-1:000000000000:shoal-notifications';
let region: Virtual;
beforeAll(async () => {
  region = await virtualRegion({ capacity: 0 });
});
afterAll(() => region.close());

/** What the topic is told of an event. */
function told(event: Parameters<Virtual['world']['publish']>[0]): string[] {
  const before = region.applications.topics.messages(topic).length;
  region.world.publish(event);
  return region.applications.topics
    .messages(topic)
    .slice(before)
    .map(({ message }) => message);
}

const alarm = (alarmName: string, previous: string, value: string) => ({
  source: 'aws.cloudwatch',
  'detail-type': 'CloudWatch Alarm State Change',
  detail: {
    alarmName,
    state: { value, reason: 'Threshold Crossed' },
    previousState: { value: previous },
    configuration: { description: 'It happened. Do: look. Runbook: https://wiki/shoal#no-sweep' },
  },
});

test('a notice of a fleet is one line with the command to run next', () => {
  const detail = { fleet: 'tokyo', text: 'tokyo: rejected on i-1', next: 'npm run shoal -- status tokyo' };
  expect(told({ source: 'shoal', 'detail-type': 'Shoal Fleet Status', detail })).toEqual([
    '"tokyo: rejected on i-1. Next: npm run shoal -- status tokyo"',
  ]);
  expect(told({ source: 'shoal-test', 'detail-type': 'Shoal Fleet Status', detail })).toEqual([]);
});

test('what the topic has missed is told like a notice', () => {
  const detail = { text: 'ALARM shoal/no-sweep: It happened', next: 'look' };
  expect(told({ source: 'shoal', 'detail-type': 'Shoal Told Again', detail })).toEqual([
    '"ALARM shoal/no-sweep: It happened. Next: look"',
  ]);
});

test.each([
  ['shoal/no-sweep', 'INSUFFICIENT_DATA', 'ALARM'],
  ['shoal/tokyo/healthy-targets', 'OK', 'ALARM'],
  ['shoal/no-sweep', 'ALARM', 'OK'],
])('the alarm %s that goes from %s to %s is one line', (name, from, to) => {
  expect(told(alarm(name, from, to))).toEqual([
    `"${to} ${name}: It happened. Do: look. Runbook: https://wiki/shoal#no-sweep"`,
  ]);
});

test.each([
  ['shoal/no-sweep', 'INSUFFICIENT_DATA', 'OK'],
  ['shoal-test/no-sweep', 'OK', 'ALARM'],
  ['other', 'OK', 'ALARM'],
])('of the alarm %s that goes from %s to %s nobody hears', (name, from, to) => {
  expect(told(alarm(name, from, to))).toEqual([]);
});
