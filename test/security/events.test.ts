import type { Context } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { admit } from '../../functions/admit.ts';
import { drain } from '../../functions/drain.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { invoker } from '../../shared/aws/functions.ts';
import { createEngine } from '../../shared/control/engine.ts';
import { logger } from '../../shared/runtime/log.ts';
import { type Virtual, virtualRegion } from '../scenarios/virtual-region.ts';
import { wireClient } from '../wire-client.ts';
import { hostile, obeyed } from './hostile.ts';

/** What somebody who may send events or tag groups can and can't bring about. The real handlers and the real log. */

let region: Virtual;
const lines: string[] = [];
beforeAll(async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  for (const name of ['admit', 'drain', 'reconcile'])
    region.world.wire.identities.set(`${name}-key`, `${role(name)}${session}`);
  // Tests are silent, and each invocation begins with the level that the environment names.
  logger.setLogLevel('INFO');
  vi.spyOn(logger, 'refreshSampleRateCalculation').mockImplementation(() => {});
  // Where Powertools for AWS Lambda writes: a console of its own.
  const { console: own } = logger as unknown as { console: Console };
  for (const method of ['info', 'error', 'warn'] as const)
    vi.spyOn(own, method).mockImplementation((line: string) => void lines.push(line));
});
afterAll(async () => {
  vi.restoreAllMocks();
  logger.setLogLevel('SILENT');
  await region.close();
});

/** Their own roles, in a session by which their calls are told from the region's own functions'. */
const session = '/hostile';
const role = (name: string) => `arn:aws:sts::000000000000:assumed-role/shoal-${name}-ap-northeast-1`;
const isMine = ({ identity }: { identity: string }) => identity.endsWith(session);

async function send(name: 'admit' | 'drain' | 'reconcile', event: unknown): Promise<unknown> {
  const engine = createEngine(
    { AWS_LAMBDA_FUNCTION_NAME: 'shoal-reconcile', SHOAL_POLL_SECONDS: '0.1' },
    { ...wireClient(region.world.wire, `${name}-key`), invoker },
  );
  const handler = { admit, drain, reconcile }[name](engine) as (
    event: unknown,
    context: Context,
  ) => Promise<unknown>;
  let ended: { answer: unknown } | undefined;
  const context = { getRemainingTimeInMillis: () => 20_000, awsRequestId: 'x' } as Context;
  handler(event, context).then(
    (answer) => (ended = { answer }),
    (error: Error) => (ended = { answer: error.message }),
  );
  await region.until('the handler ends', () => ended !== undefined);
  return ended?.answer;
}

/** What has been called with the sender's event that changes anything. */
const changes = () =>
  region.world.wire.log.filter((call) => isMine(call) && !/^(Describe|Get|List)/.test(call.operation));
const live = () => region.inService().map(({ id }) => id)[0] as string;

/** As AWS sends it, some of its fields hostile; where it names what there is, the rest can't be right. */
const lifecycleEvents = fc
  .record({
    AutoScalingGroupName: fc.oneof(hostile, fc.constant('shoal-demo')),
    LifecycleHookName: fc.oneof(hostile, fc.constantFrom('shoal-launch', 'shoal-terminate')),
    EC2InstanceId: fc.oneof(hostile, fc.constant('LIVE')),
    LifecycleTransition: hostile,
    LifecycleActionToken: hostile,
    NotificationMetadata: hostile,
  })
  .chain((detail) =>
    fc.record({ time: fc.oneof(hostile, fc.constant('2026-11-24T09:00:00Z')), detail: fc.constant(detail) }),
  );

test('no lifecycle event moves an instance that waits in no hook', async () => {
  for (const event of fc.sample(lifecycleEvents, { numRuns: 30, seed: 14 })) {
    const EC2InstanceId = event.detail.EC2InstanceId.replace('LIVE', live());
    for (const name of ['admit', 'drain'] as const)
      await send(name, { ...event, detail: { ...event.detail, EC2InstanceId } });
  }
  expect(changes()).toEqual([]);
  expect(region.world.wire.log.filter(isMine)).not.toEqual([]);
});

const requests = fc.oneof(
  hostile.map((fleet) => ({ fleet, mode: 'apply', force: true })),
  hostile.map((mode) => ({ fleet: 'demo', mode })),
  hostile.map((to) => ({ fleet: 'demo', mode: 'rollback', to })),
  hostile.map((name) => ({ source: 'aws.ssm', time: name, detail: { name, operation: name } })),
  hostile.map((name) => ({
    ...{ source: 'aws.ssm', time: '2026-11-24T09:00:00Z' },
    detail: { name: `/shoal/${name}/port`, operation: 'Delete' },
  })),
  fc.tuple(hostile, hostile).map(([name, value]) => ({ [name]: value })),
  hostile,
);

test('no request that is not well formed changes anything', async () => {
  for (const event of fc.sample(requests, { numRuns: 80, seed: 15 })) await send('reconcile', event);
  expect(changes().filter(({ operation }) => operation !== 'SendCommand')).toEqual([]);
});

test('a plan of hostile edits answers in plain words and changes nothing', async () => {
  for (const value of fc.sample(hostile, { numRuns: 10, seed: 16 })) {
    const set = { 'allowed-cidrs': value, [value]: value };
    const answer = (await send('reconcile', { fleet: 'demo', mode: 'plan', set })) as { text: string };
    expect(obeyed(answer.text.replaceAll('\n', ''))).toEqual([]);
  }
  // Hosts are asked what they run, which changes nothing.
  expect(new Set(changes().map(({ operation }) => operation))).toEqual(new Set(['SendCommand']));
});

test('a tag that is no name of a fleet is left out, and the log says so', async () => {
  const names = fc.sample(hostile, { numRuns: 20, seed: 17 });
  for (const [at, value] of names.entries())
    region.world.autoscaling.createGroup({
      ...{ name: `foreign-${at}`, minSize: 0, maxSize: 0, desiredCapacity: 0, hooks: [] },
      tags: [{ key: 'shoal:fleet', value, propagateAtLaunch: true }],
    });
  lines.length = 0;
  const answer = await send('reconcile', { source: 'aws.events', time: '2026-11-24T10:02:00Z' });
  expect(answer).toMatchObject({ fleets: 1 });
  expect(lines.filter((line) => line.includes('a group was left out'))).toHaveLength(new Set(names).size);
});

test('whatever came in, a line of the log is one line of JSON without anything that a terminal obeys', async () => {
  await send('admit', {
    time: '\u001b[2J',
    detail: { LifecycleHookName: '\u009b2J\u202e\n{"level":"INFO"}' },
  });
  await send('reconcile', { fleet: '\u202e\u0085\u2028', mode: 'plan' });
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) {
    expect([line, obeyed(line)]).toEqual([line, []]);
    expect(() => JSON.parse(line)).not.toThrow();
  }
});
