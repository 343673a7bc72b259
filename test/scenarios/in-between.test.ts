import { afterEach, expect, test } from 'vitest';
import type { Machine } from '../../region/hosts/simulated.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(() => region.close());

const group = 'shoal-demo';
const administrator = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
const autoscaling = (operation: string, input: object = {}) =>
  region.world.autoscaling.service.operations[operation]!(
    { AutoScalingGroupName: group, ...input },
    administrator,
  );
const balancing = (operation: string, input: object) =>
  region.world.targets.service.operations[operation]!(
    { TargetGroupArn: region.targetGroup, ...input },
    administrator,
  );
const target = (id: string) => region.targets().find((it) => it.id === id)?.state;
const isOut = (id: string) => [undefined, 'draining'].includes(target(id));
const healthy = () => region.targets().filter(({ state }) => state === 'healthy');
const ids = () => region.instances().map(({ id }) => id);
const machine = (id: string) => region.hosts.machines.get(id) as Machine;
const said = (text: string) => region.logs.filter(({ reason }) => String(reason).includes(text));
const sweeps = () => region.world.wire.log.filter(({ operation }) => operation === 'GetParametersByPath');
const since = (at: number, operation: string) =>
  region.world.wire.log.slice(at).filter((entry) => entry.operation === operation);

async function settled(capacity = 2, pace: 'fast' | 'real' = 'fast'): Promise<string[]> {
  region = await virtualRegion({ capacity, pace });
  await region.settled();
  await region.until('all are healthy', () => healthy().length === capacity);
  return ids();
}

test('an instance deregistered by hand is proven, then registered', async () => {
  const [id = ''] = await settled();
  const at = region.world.wire.log.length;
  balancing('DeregisterTargets', { Targets: [{ Id: id }] });
  await region.until('it is out', () => target(id) !== 'healthy');
  await region.until('it is back', () => target(id) === 'healthy');
  const proven = since(at, 'ListCommandInvocations').at(-1)?.at ?? Number.POSITIVE_INFINITY;
  expect(since(at, 'RegisterTargets').at(-1)?.at).toBeGreaterThanOrEqual(proven);
  expect(region.failures).toEqual([]);
});

test('one in standby leaves the target group, and comes back only proven', async () => {
  const [id = ''] = await settled();
  autoscaling('EnterStandby', { InstanceIds: [id], ShouldDecrementDesiredCapacity: true });
  await region.until('it is out', () => isOut(id));
  Object.assign(machine(id), { running: null, serving: false });
  const at = region.world.wire.log.length;
  autoscaling('ExitStandby', { InstanceIds: [id] });
  await region.until('it is back', () => target(id) === 'healthy');
  expect(machine(id).running).toBe(region.status()?.live?.sha256);
  expect(since(at, 'SendCommand').length).toBeGreaterThan(0);
  expect(since(at, 'SendCommand')[0]?.at).toBeLessThan(since(at, 'RegisterTargets')[0]?.at ?? 0);
});

test('one that was detached is taken out', async () => {
  const [id = ''] = await settled();
  autoscaling('DetachInstances', { InstanceIds: [id], ShouldDecrementDesiredCapacity: true });
  await region.until('it is out', () => isOut(id));
  expect(healthy()).toHaveLength(1);
  expect(ids()).not.toContain(id);
});

test('the last healthy one that was detached stays', async () => {
  const [id = ''] = await settled(1);
  autoscaling('SuspendProcesses', { ScalingProcesses: ['Launch'] });
  autoscaling('DetachInstances', { InstanceIds: [id], ShouldDecrementDesiredCapacity: true });
  await region.until('it is seen', () => said('no healthy target would be left').length > 1);
  expect(target(id)).toBe('healthy');
});

test('nothing is taken out of a target group that does not fit, as another fleet’s', async () => {
  const [id = ''] = await settled();
  keepNoAddresses();
  autoscaling('DetachInstances', { InstanceIds: [id], ShouldDecrementDesiredCapacity: true });
  await region.until('it is left alone', () => said('left alone').length > 1);
  expect(target(id)).toBe('healthy');
});

test.each<[string, Partial<Machine>]>([
  ['whose Squid was killed', { serving: false }],
  ['whose root volume was replaced', { running: null, file: null, intent: null, serving: false }],
])('one %s is found by its target and put right', async (_, accident) => {
  const [id = ''] = await settled(2, 'real');
  const askedAt = Date.now();
  Object.assign(machine(id), accident);
  await region.until('its target is unhealthy', () => target(id) === 'unhealthy');
  await region.until('it serves again', () => target(id) === 'healthy' && machine(id).running !== null);
  expect(said('its target is unhealthy')[0]).toMatchObject({ instance: id, step: 'ask' });
  // Long before its host would have been asked.
  expect(Date.now() - askedAt).toBeLessThan(5 * 60_000);
});

test('one whose file was edited by hand is found when hosts are asked', async () => {
  const [id = ''] = await settled();
  machine(id).file = 'f'.repeat(64);
  await region.until('it is put right', () => machine(id).file === region.status()?.live?.sha256);
  expect(said(`not ${'f'.repeat(64)}`).at(-1)).toMatchObject({ instance: id, step: 'apply' });
});

test('a fleet that drifted as a whole is reported, and put right a quarter at a time', async () => {
  await settled(8);
  for (const one of region.hosts.machines.values()) one.running = 'f'.repeat(64);
  let most = 0;
  const { log } = region.world.wire;
  await region.until('all are put right', () =>
    [...region.hosts.machines.values()].every(({ running }) => running === region.status()?.live?.sha256),
  );
  const applies = log.filter(
    ({ operation, input }) => operation === 'SendCommand' && JSON.stringify(input).includes('"apply"'),
  );
  for (const { input } of applies.slice(-4))
    most = Math.max(most, (input?.InstanceIds as string[] | undefined)?.length ?? 0);
  expect(most).toBe(2);
  expect(said('8 of 8 in service do not run what they should')[0]).toMatchObject({ problem: 'drift' });
});

test.each<[string, () => unknown, string, string]>([
  [
    'a hook that is gone',
    () => autoscaling('DeleteLifecycleHook', { LifecycleHookName: 'shoal-launch' }),
    'lifecycle hooks',
    'has no hook shoal-launch',
  ],
  [
    'suspended processes',
    () => autoscaling('SuspendProcesses', { ScalingProcesses: ['Launch'] }),
    'suspended processes',
    'has Launch suspended: resume',
  ],
  ['client addresses that are not kept', keepNoAddresses, 'target group', 'client addresses are not kept'],
])('%s: the log and status say so, with the fix', async (_, breakIt, problem, words) => {
  await settled();
  breakIt();
  await region.until('it is reported', () => said(words).length > 0, 10 * 60_000);
  expect(said(words)[0]).toMatchObject({ step: 'report', problem, fleet: 'demo' });
  const status = await region.invoke({ fleet: 'demo', mode: 'status' });
  expect(status).toMatchObject({ well: false, problems: [expect.stringContaining(words)] });
  expect(status.says).toContain(words);
  expect(healthy()).toHaveLength(2);
});

test('hosts are asked every five minutes; sweeps between read AWS alone', async () => {
  await settled(2, 'real');
  // What follows a rollout's end is over.
  const quiet = Date.now() + 3 * 60_000;
  await region.until('two sweeps have passed', () => Date.now() > quiet);
  const at = region.world.wire.log.length;
  const before = sweeps().length;
  const end = Date.now() + 20 * 60_000;
  await region.until('twenty minutes have passed', () => Date.now() > end);
  expect(since(at, 'SendCommand')).toHaveLength(4);
  expect(sweeps().length - before).toBeGreaterThanOrEqual(20);
});

function keepNoAddresses(): void {
  const Attributes = [{ Key: 'preserve_client_ip.enabled', Value: 'false' }];
  balancing('ModifyTargetGroupAttributes', { Attributes });
}
