import { afterEach, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** Into the warm pool, out of it with an old configuration, and back into it when the group scales in. */

let region: Virtual;
afterEach(() => region.close());

const member = (state: string) =>
  region.world.autoscaling.group('shoal-demo')?.members.find((one) => one.state === state)?.instanceId;
const autoscaling = (operation: string, input: object) =>
  region.world.autoscaling.service.operations[operation]?.(
    { AutoScalingGroupName: 'shoal-demo', ...input },
    { identity: 'administrator', accessKeyId: 'x', requestId: 'x' },
  );
const fillPool = () =>
  autoscaling('PutWarmPool', {
    MinSize: 1,
    MaxGroupPreparedCapacity: 2,
    InstanceReusePolicy: { ReuseOnScaleIn: true },
  });
const steps = (id: string) =>
  region.logs
    .filter(({ instance }) => instance === id)
    .map(({ step, reason }) => `${String(step)}: ${String(reason)}`)
    .filter((line) => /^(register|deregister|complete)/.test(line));

test('a machine of the warm pool is prepared, proven anew and drained on its way back', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  fillPool();
  await region.until('one is in the pool', () => member('Warmed:Stopped'), 300_000);
  const id = member('Warmed:Stopped') as string;
  expect(steps(id)).toEqual(['complete: prepared for the warm pool']);
  expect(region.targets().map((target) => target.id)).not.toContain(id);

  const before = region.status()?.live?.sha256;
  region.put('allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
  await region.until('an edit is live', () => {
    const status = region.status();
    return status?.live?.sha256 !== before && status?.rollout === undefined;
  });
  region.capacity(2);
  await region.until('it is in service', () => region.inService().some((one) => one.id === id));
  expect(region.hosts.machines.get(id)?.running).toBe(region.status()?.live?.sha256);
  expect(region.targets().filter(({ state }) => state === 'healthy')).toHaveLength(2);

  region.logs.length = 0;
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  region.capacity(1);
  await region.until('one goes back', () => member('Warmed:Pending:Wait'));
  const back = member('Warmed:Pending:Wait') as string;
  await region.until('it drains', () =>
    region.targets().some((target) => target.id === back && target.state === 'draining'),
  );
  expect(member('Warmed:Pending:Wait')).toBe(back);
  Object.assign(region.hosts.machines.get(back) ?? {}, { connections: 0 });
  await region.until('it is in the pool', () => member('Warmed:Stopped') === back, 120_000);
  expect(steps(back).map((line) => line.split(':')[0])).toEqual(['deregister', 'complete']);
  expect(region.failures).toEqual([]);
});

test('a return whose event is lost ends, though a client stays to the end', async () => {
  const isLost = (type: string) => type.includes('terminate Lifecycle Action');
  region = await virtualRegion({
    capacity: 1,
    pace: 'real',
    deliver: (event) => (isLost(event['detail-type']) ? 0 : 1),
  });
  await region.settled();
  autoscaling('PutLifecycleHook', { LifecycleHookName: 'shoal-terminate', HeartbeatTimeout: 7200 });
  fillPool();
  await region.until('one is prepared', () => member('Warmed:Stopped'));
  region.capacity(2);
  await region.until('it is in service', () => region.inService().length === 2);
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  region.capacity(1);
  await region.until('one goes back', () => member('Warmed:Pending:Wait'));
  const back = member('Warmed:Pending:Wait') as string;
  await region.until('it is deregistered', () => steps(back).some((line) => line.startsWith('deregister')));
  const since = Date.now();
  await region.until('it is let go', () => member('Warmed:Pending:Wait') !== back, 15 * 60_000);
  // The balancer's lag is the longer one here.
  expect(Date.now() - since).toBeGreaterThanOrEqual(120_000);
  expect(region.failures).toEqual([]);
});
