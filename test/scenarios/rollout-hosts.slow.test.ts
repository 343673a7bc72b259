import { afterEach, expect, test } from 'vitest';
import { type RolloutRegion, rolloutRegion } from './rollout-bed.ts';

/** Rollouts past hosts that can't be reached, over several groups, and beside fleets in trouble. */

let region: RolloutRegion;
afterEach(() => region.close());

const wide = '172.31.0.0/24,172.31.9.0/24';
const caller = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
const ids = () => region.group().map(({ instanceId }) => instanceId);
const targetOf = (id: string) => region.targets().find((target) => target.id === id)?.state;

async function settled(capacity: number, rollout: string, pace: 'fast' | 'real' = 'fast') {
  region = await rolloutRegion({ capacity, pace });
  region.put('demo', 'rollout', rollout);
  await region.settled();
}

test('a host that is silent for ten minutes is taken out, and brought along before it is back', async () => {
  await settled(4, 'canary=1,wave=50%', 'real');
  const id = ids().sort()[0] as string;
  region.world.faults.add({ kind: 'stop-agent', subject: id });
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('the others have moved', () => region.running() === 'ABBB');
  await region.pass(400);
  expect(region.story().at(-1)).toBe('A → B');
  expect(targetOf(id)).toBe('healthy');
  const report = await region.invoke({ fleet: 'demo', mode: 'status' });
  expect(report.says).toContain('waiting for');
  await region.until('it is live', () => region.story().at(-1) === 'B');
  await region.until('it is out', () => [undefined, 'draining'].includes(targetOf(id)));
  expect(region.running()).toBe('ABBB');
  await region.pass(60);
  expect(region.logs.some((line) => line.problem === 'sick hosts')).toBe(true);
  region.world.faults.clear();
  region.logs.length = 0;
  await region.until('it is back', () => targetOf(id) === 'healthy');
  const did = region.logs.filter(
    (line) => line.instance === id && ['apply', 'register'].includes(String(line.step)),
  );
  expect(did.map(({ step }) => step)).toEqual(['apply', 'register']);
  expect(region.running()).toBe('BBBB');
});

test('hosts that fall silent together stay registered where the fleet would lose its half', async () => {
  await settled(4, 'canary=1,wave=50%', 'real');
  const silent = ids().sort().slice(0, 3);
  for (const subject of silent) region.world.faults.add({ kind: 'stop-agent', subject });
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is live', () => region.story().at(-1) === 'B');
  await region.pass(60);
  expect(region.targets().filter(({ state }) => state === 'healthy')).toHaveLength(2);
});

test('a host with a full disk that serves what is live is left where it is', async () => {
  await settled(4, 'canary=1,wave=1');
  region.hosts.behave('*', 'unable');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is rejected', () => region.story().at(-1) === 'A, not B');
  await region.pass(120);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'A ← B', 'A, not B']);
  expect(region.targets().every(({ state }) => state === 'healthy')).toBe(true);
  expect(region.logs.some(({ step }) => step === 'deregister')).toBe(false);
});

test('a canary that breaks and cannot go back is sick: it leaves, and the others get the edit', async () => {
  // Without a soak the others would have moved before the balancer has noticed.
  await settled(4, 'canary=1,wave=1,soak=60', 'real');
  const before = region.status()?.live?.sha256 ?? '';
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('the canary has moved', () => region.running() === 'AAAB');
  const bad = ids().find((id) => region.hosts.machines.get(id)?.running !== before) as string;
  region.hosts.behave(bad, 'dies', before);
  Object.assign(region.hosts.machines.get(bad) ?? {}, { reachable: false });
  await region.until('it is condemned', () => region.story().at(-1) === 'A ← B');
  expect(region.status()?.rejected?.instance).toBe(bad);
  await region.until('it is named', () =>
    region.logs.some(({ problem, reason }) => problem === 'sick hosts' && String(reason).startsWith(bad)),
  );
  await region.until('the others have it', () => region.story().at(-1) === 'B');
  expect(region.running()).toBe('BBBB');
  expect(region.story().filter((line) => line === 'A ← B')).toHaveLength(1);
  Object.assign(region.hosts.machines.get(bad) ?? {}, { reachable: true });
  await region.until('it is back', () => targetOf(bad) === 'healthy');
});

test('several groups are one fleet: one canary, and waves over all of them', async () => {
  await settled(3, 'canary=1,wave=2');
  const { operations } = region.world.autoscaling.service;
  const described = (await operations.DescribeAutoScalingGroups?.({}, caller)) as {
    AutoScalingGroups: Record<string, unknown>[];
  };
  expect(described.AutoScalingGroups).toHaveLength(1);
  region.addFleet('second', 3);
  await region.until('the second fleet is live', () => region.statusOf('second')?.live !== undefined);
  const tag = { ResourceId: 'shoal-second', ResourceType: 'auto-scaling-group', Key: 'shoal:fleet' };
  operations.CreateOrUpdateTags?.({ Tags: [{ ...tag, Value: 'demo', PropagateAtLaunch: true }] }, caller);
  // Its machines run another fleet's file, on another target group: they are brought over and registered.
  await region.until('all six run what is live', () => {
    const all = region.running() + region.running('shoal-second');
    return all.length === 6 && new Set(all).size === 1 && region.targets().length === 6;
  });
  await region.until('all six are healthy', () => region.targets().every(({ state }) => state === 'healthy'));
  await editOfDemo(wide);
  const waves = region.waves(region.status()?.live?.sha256 ?? '');
  expect(waves.map((wave) => wave.length)).toEqual([1, 2, 2, 1]);
  expect(new Set(waves.flat()).size).toBe(6);
});

test('a broken, a paused and a slow fleet delay no other', async () => {
  await settled(3, 'canary=1,wave=1');
  for (const fleet of ['broken', 'paused', 'slow']) region.addFleet(fleet, 3);
  for (const fleet of ['broken', 'paused', 'slow'])
    await region.until(`${fleet} is live`, () => {
      const status = region.statusOf(fleet);
      return status?.live !== undefined && status.rollout === undefined;
    });
  await region.until('all are in service', () =>
    ['broken', 'paused', 'slow'].every((fleet) =>
      region.group(`shoal-${fleet}`).every(({ state }) => state === 'InService'),
    ),
  );
  const alone = await seconds(() => editOfDemo(wide));
  region.put('broken', 'allowed-cidrs', 'no network');
  region.put('paused', 'paused', 'yes');
  region.put('slow', 'rollout', 'canary=1,soak=600');
  for (const { instanceId } of region.group('shoal-broken')) region.hosts.behave(instanceId, 'hangs');
  for (const fleet of ['paused', 'slow']) region.put(fleet, 'allowed-cidrs', wide);
  await region.until('the slow one has begun', () => region.statusOf('slow')?.rollout !== undefined);
  const beside = await seconds(() => editOfDemo('172.31.0.0/24,172.31.8.0/24'));
  expect(beside).toBeLessThan(alone * 1.5 + 2);
  await region.pass(60);
  expect(region.story('broken').at(-1)).toMatch(/^[A-Z]$/);
  expect(region.story('paused').at(-1)).toMatch(/^[A-Z]$/);
  expect(region.story('slow').at(-1)).toMatch(/→/);
  expect(region.failures).toEqual([]);
});

async function editOfDemo(value: string) {
  const before = region.status()?.live?.sha256;
  region.put('demo', 'allowed-cidrs', value);
  await region.until(
    'it is live',
    () => region.status()?.live?.sha256 !== before && region.status()?.rollout === undefined,
  );
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const from = Date.now();
  await work();
  return (Date.now() - from) / 1000;
}

test('a script that hangs is judged, though only sweeps look at it', async () => {
  region = await rolloutRegion({
    capacity: 3,
    pace: 'real',
    deliver: (event) => (event['detail-type'] === 'Parameter Store Change' ? 0 : 1),
  });
  await region.settled();
  const live = region.status()?.live?.sha256 ?? '';
  region.hosts.behave('*', 'hangs');
  region.hosts.behave('*', 'works', '');
  region.hosts.behave('*', 'works', live);
  region.put('demo', 'allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
  await region.until('it is rejected', () => region.status()?.rejected !== undefined, 15 * 60_000);
  expect(region.status()?.live?.sha256).toBe(live);
});
