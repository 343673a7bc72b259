import { afterEach, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** Going out as a fleet sees it: who is left, several at once, and a function that dies. */

let region: Virtual;
afterEach(() => region.close());

const administrator = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
const healthy = () => region.targets().filter(({ state }) => state === 'healthy').length;
const deregistrations = () =>
  region.logs.filter(({ step }) => step === 'deregister').map(({ reason }) => String(reason));
const terminate = (id: string, decrement: boolean) =>
  region.world.autoscaling.service.operations.TerminateInstanceInAutoScalingGroup?.(
    { InstanceId: id, ShouldDecrementDesiredCapacity: decrement },
    administrator,
  );

test('a rebalancing that launches first never leaves fewer healthy targets', async () => {
  region = await virtualRegion({ capacity: 2 });
  await region.settled();
  const [old] = region.inService().map(({ id }) => id) as [string];
  region.capacity(3);
  await region.until('the new one is in service', () => region.inService().length === 3);
  terminate(old, true);
  let least = healthy();
  await region.until('the old one is gone', () => {
    least = Math.min(least, healthy());
    return !region.hosts.machines.has(old);
  });
  expect(least).toBe(2);
  expect(deregistrations()).toEqual(['leaving the group']);
});

test('the last healthy target leaves, and the log says so', async () => {
  region = await virtualRegion({ capacity: 2 });
  await region.settled();
  region.capacity(1);
  await region.until('one is gone', () => region.hosts.machines.size === 1);
  region.capacity(0);
  await region.until('nobody is left', () => region.hosts.machines.size === 0);
  expect(deregistrations()).toEqual([
    'leaving the group',
    'leaving the group: the last healthy target leaves',
  ]);
  expect(region.failures).toEqual([]);
});

test('all five leave at once: each is drained first', async () => {
  region = await virtualRegion({ capacity: 5 });
  await region.settled();
  region.logs.length = 0;
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  const ids = [...region.hosts.machines.keys()];
  region.capacity(0);
  await region.until('all drain', () => region.targets().every(({ state }) => state === 'draining'));
  expect(region.hosts.machines.size).toBe(5);
  for (const machine of region.hosts.machines.values()) machine.connections = 0;
  await region.until('nobody is left', () => region.instances().length === 0);
  for (const id of ids) {
    const steps = region.logs.filter(({ instance }) => instance === id).map(({ step }) => step);
    expect(steps.indexOf('complete')).toBeGreaterThan(steps.lastIndexOf('deregister'));
  }
  expect(deregistrations()).toEqual(ids.map(() => 'leaving the group: the last healthy target leaves'));
  expect(region.failures).toEqual([]);
});

test('a hook of somebody else holds the instance on after its drain', async () => {
  region = await virtualRegion({ capacity: 2, pace: 'real' });
  await region.settled();
  const group = region.world.autoscaling.group('shoal-demo');
  group?.hooks.push({
    name: 'backup',
    transition: 'autoscaling:EC2_INSTANCE_TERMINATING',
    heartbeatTimeoutSeconds: 900,
    defaultResult: 'CONTINUE',
  });
  region.capacity(1);
  const leaving = () => group?.members.find(({ state }) => state === 'Terminating:Wait');
  await region.until('ours is completed', () => leaving()?.actions.length === 1);
  await region.until('ten minutes pass', () => Date.now() % 600_000 < 100);
  expect(leaving()?.actions).toHaveLength(1);
  leaving()?.actions[0]?.complete('CONTINUE');
  await region.until('it is gone', () => region.hosts.machines.size === 1);
  expect(region.failures).toEqual([]);
});
