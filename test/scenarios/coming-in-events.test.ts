import { afterEach, expect, test, vi } from 'vitest';
import type { BusEvent } from '../../region/context.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** Coming in when the event is not what it should be, or comes with many others. */

let region: Virtual;
afterEach(() => region.close());

const isLaunch = ({ 'detail-type': type }: BusEvent) => type === 'EC2 Instance-launch Lifecycle Action';
const steps = (name: string, id: string) =>
  region.logs
    .filter((line) => line.function === name && line.instance === id)
    .map(({ step }) => String(step))
    .filter((step) => !['wait', 'nothing', 'report'].includes(step));
const group = () => region.world.autoscaling.group('shoal-demo');
const ignored = () =>
  region.logs.filter(({ message }) => message === 'event ignored').map(({ reason }) => reason);

test('an event without origin and destination is one of a launch into the group', async () => {
  region = await virtualRegion({
    capacity: 1,
    deliver: ({ detail }) => {
      for (const name of ['Origin', 'Destination', 'NotificationMetadata', 'LifecycleActionToken'])
        delete detail[name];
      return 1;
    },
  });
  await region.settled();
  const [{ id } = { id: '' }] = region.inService();
  expect(steps('admit', id)).toEqual(['apply', 'register', 'complete']);
});

/** DescribeAutoScalingGroups shows `admit` no instance that is coming in, for its first `reads` reads. */
function describeLate(reads: number) {
  const { operations } = region.world.autoscaling.service;
  const describe = operations.DescribeAutoScalingGroups as (input: unknown, call: unknown) => unknown;
  let left = reads;
  operations.DescribeAutoScalingGroups = (input, call) => {
    const answer = structuredClone(describe(input, call)) as {
      AutoScalingGroups: { Instances: { LifecycleState: string }[] }[];
    };
    if (call.identity.endsWith('/shoal-admit') && left-- > 0)
      for (const one of answer.AutoScalingGroups)
        one.Instances = one.Instances.filter(({ LifecycleState }) => !LifecycleState.startsWith('Pending'));
    return answer;
  };
}

test.each([
  ['a moment before its instance is described waits for it', 3, true],
  ['long before its instance is described leaves it to the sweep', 1000, false],
])('an event %s', async (_, reads, byEvent) => {
  region = await virtualRegion({ capacity: 1 });
  describeLate(reads);
  await region.settled();
  const [{ id } = { id: '' }] = region.inService();
  expect(steps('admit', id).includes('complete')).toBe(byEvent);
  expect(steps('reconcile', id).includes('complete')).toBe(!byEvent);
  expect(ignored()).toEqual(byEvent ? [] : [`${id} is not in group shoal-demo any more`]);
  expect(region.failures).toEqual([]);
});

test('an event that comes again hours later, or when its instance is gone, changes nothing', async () => {
  const launches: BusEvent[] = [];
  region = await virtualRegion({ deliver: (event) => (isLaunch(event) ? launches.push(event) && 1 : 1) });
  await region.settled();
  region.capacity(1);
  await region.until('one is gone', () => region.instances().length === 1);
  await vi.advanceTimersByTimeAsync(600_000);
  const changes = () =>
    region.world.wire.log.filter(
      ({ identity, operation }) =>
        identity.endsWith('/shoal-admit') && !/^(Describe|Get|List)/.test(operation),
    ).length;
  const before = changes();
  const [event] = launches.splice(0) as [BusEvent];
  const { source, 'detail-type': type } = event;
  for (const id of [...new Set([event.detail.EC2InstanceId, ...region.instances().map((it) => it.id)])])
    region.world.publish({ source, 'detail-type': type, detail: { ...event.detail, EC2InstanceId: id } });
  await region.until('they are ignored or find nothing', () => launches.length > 0);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(changes()).toBe(before);
  expect(region.failures).toEqual([]);
});

test('an old event spends no budget of a launch that has just begun', async () => {
  region = await virtualRegion({
    capacity: 1,
    pace: 'real',
    // As one of an earlier launch of the same machine, out of the warm pool perhaps.
    deliver: (event) => {
      if (isLaunch(event)) event.time = '2026-11-24T06:00:00Z';
      return 1;
    },
  });
  await region.settled();
  const [{ id } = { id: '' }] = region.inService();
  expect(steps('admit', id).filter((step) => step !== 'heartbeat')).toEqual([
    'apply',
    'register',
    'complete',
  ]);
  // One that is slow to come in has all of its time, too.
  region.capacity(2);
  await region.until('a new machine', () => region.hosts.machines.size === 2);
  const slow = [...region.hosts.machines.keys()].find((one) => one !== id) as string;
  region.hosts.behave(slow, 'unable');
  await vi.advanceTimersByTimeAsync(180_000);
  expect(steps('admit', slow)).toContain('apply');
  region.hosts.behave(slow, 'works');
  await region.settled(2);
  expect(region.logs.filter(({ result }) => result === 'ABANDON')).toEqual([]);
});

test('twenty launches at once come in with three functions at a time', async () => {
  region = await virtualRegion({ capacity: 1, concurrency: 3, pace: 'real' });
  await region.settled();
  region.world.wire.log.length = 0;
  const since = Date.now();
  region.capacity(20);
  await region.settled(20);
  expect(Date.now() - since).toBeLessThan(8 * 60_000);
  const sent = region.world.wire.log.filter(({ operation }) => operation === 'SendCommand');
  expect(sent.length).toBeLessThan(10);
  expect(region.targets().filter(({ state }) => state === 'healthy')).toHaveLength(20);
  expect(region.failures).toEqual([]);
});

test('an instance launched before its hook existed is proven first, then registered', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  const hooks = group()?.hooks.splice(0) ?? [];
  region.capacity(2);
  await region.until('it is in service', () => region.inService().length === 2);
  group()?.hooks.push(...hooks);
  const id = region.inService()[1]?.id as string;
  expect(region.targets().map((target) => target.id)).not.toContain(id);
  await region.until('its target is healthy', () =>
    region.targets().some((target) => target.id === id && target.state === 'healthy'),
  );
  expect(steps('reconcile', id)).toEqual(['ask', 'apply', 'register']);
  expect(region.hosts.machines.get(id)?.running).toBe(region.status()?.live?.sha256);
});
