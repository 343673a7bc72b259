import { afterEach, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** A zone fails under a fleet of three, one a zone, at AWS's own delays. */

let region: Virtual;
afterEach(() => region.close());

const minute = 60_000;
const zone = 'ap-northeast-1a';
const members = () => region.world.autoscaling.group('shoal-demo')?.members ?? [];
const inZone = () => members().filter((member) => member.zone === zone && member.state === 'InService');
const healthy = () =>
  region
    .targets()
    .filter(({ state }) => state === 'healthy')
    .map(({ id }) => id);
const deregistered = () =>
  region.logs.filter(({ step }) => step === 'deregister').map(({ instance }) => instance);
const stateOf = (id: string) => region.targets().find((target) => target.id === id)?.state;
const passed = (minutes: number) => {
  const end = Date.now() + minutes * minute;
  return () => Date.now() >= end;
};

async function zoneFails() {
  region = await virtualRegion({ capacity: 3, pace: 'real' });
  await region.settled();
  await region.until('all are healthy', () => healthy().length === 3);
  const [lost] = inZone().map(({ instanceId }) => instanceId) as [string];
  const others = healthy().filter((id) => id !== lost);
  region.logs.length = 0;
  region.world.faults.add({ kind: 'fail-zone', subject: zone });
  await region.until('its target is unhealthy', () => stateOf(lost) === 'unhealthy');
  return { lost, others };
}

test('what a failed zone had is replaced in the others, and the rest serves on', async () => {
  const { lost, others } = await zoneFails();
  const { text } = await region.invoke({ fleet: 'demo', mode: 'status' });
  expect(text).toContain('NOT well');
  expect(text).toContain(lost);
  // Being unhealthy is no reason to take anybody out: the zone may come back.
  expect(deregistered()).toEqual([]);
  region.put('allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
  const before = region.status()?.live?.sha256;
  await region.until('three serve again', () => {
    expect(healthy()).toEqual(expect.arrayContaining(others));
    return healthy().length === 3 && region.inService().length === 3;
  });
  expect(inZone()).toEqual([]);
  expect(deregistered()).toEqual([lost]);
  const { activities = [] } = region.world.autoscaling.group('shoal-demo') ?? {};
  const failed = activities.filter(({ statusCode }) => statusCode === 'Failed');
  expect(failed.map(({ statusMessage }) => statusMessage)).toEqual([
    expect.stringContaining(`sufficient capacity in the Availability Zone you requested (${zone})`),
  ]);
  await region.until('the edit is live', () => {
    const { live, rollout } = region.status() ?? {};
    return live?.sha256 !== before && rollout === undefined;
  });
  await region.until('the lost one is gone', () => !region.hosts.machines.has(lost));
  const live = region.status()?.live?.sha256;
  for (const machine of region.hosts.machines.values()) expect(machine.running).toBe(live);
  // The zone is back, and Auto Scaling evens the zones out: through the hooks, like any launch and any end.
  region.world.faults.clear();
  await region.until('the zone is tried again', passed(5));
  region.world.autoscaling.rebalance('shoal-demo');
  await region.until('it serves there again', () => {
    expect(healthy().length).toBeGreaterThanOrEqual(3);
    return inZone().length === 1 && region.instances().length === 3;
  });
  expect(region.failures).toEqual([]);
});

test('a zone that comes back before its instances are replaced serves at once', async () => {
  const { lost, others } = await zoneFails();
  await region.until('a minute has passed', passed(1));
  region.world.faults.clear();
  await region.until('its target is healthy', () => stateOf(lost) === 'healthy');
  await region.until('the moment of replacement has passed', passed(5));
  expect(healthy().sort()).toEqual([lost, ...others].sort());
  expect(deregistered()).toEqual([]);
});
