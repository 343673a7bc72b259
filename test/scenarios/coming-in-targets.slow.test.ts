import { afterEach, expect, test, vi } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** An instance coming in that waits for its target, or for somebody else's hook, at AWS's own speed. */

let region: Virtual;
afterEach(() => region.close());

const minute = 60_000;

/** One instance more; its id. */
async function scaleOut(): Promise<string> {
  const before = new Set(region.hosts.machines.keys());
  region.capacity(before.size + 1);
  await region.until('a new machine', () => region.hosts.machines.size > before.size);
  return [...region.hosts.machines.keys()].find((id) => !before.has(id)) as string;
}

async function settledFleet(capacity: number) {
  region = await virtualRegion({ capacity, pace: 'real' });
  await region.settled();
}

const pass = (minutes: number) => vi.advanceTimersByTimeAsync(minutes * minute);

function reachable(id: string, answers: boolean) {
  const machine = region.hosts.machines.get(id);
  if (machine !== undefined) machine.reachable = answers;
}

const reasons = (id: string) =>
  region.logs.filter(({ instance }) => instance === id).map(({ reason }) => String(reason));
const abandoned = (id: string) =>
  region.logs.find(({ instance, result }) => instance === id && result === 'ABANDON')?.reason;
const admitted = (id: string) => region.inService().some((instance) => instance.id === id);
const state = (id: string) => region.targets().find((target) => target.id === id)?.state;
const calls = (operation: string) => region.world.wire.log.filter((entry) => entry.operation === operation);
const logged = (id: string, step: string) => () =>
  region.logs.some((line) => line.instance === id && line.step === step);

function resource(type: string): string {
  const all = [...(region.applications.stacks.stack('demo')?.resources.values() ?? [])];
  return all.find((one) => one.type.endsWith(type))?.id as string;
}

function listen(loadBalancerArn: string) {
  const listener = { loadBalancerArn, port: 3128, targetGroupArn: region.targetGroup, tags: {} };
  region.world.targets.createListener(listener);
}

test.each([
  ['without a listener', []],
  ['in a zone that the balancer does not serve', ['ap-northeast-1a']],
])('a target %s is held, with the reason, until that is mended', async (_, zones) => {
  await settledFleet(1);
  region.world.targets.delete(resource('::Listener'));
  const narrow = { name: 'narrow', vpcId: 'vpc-1', zones, tags: {} };
  listen(region.world.targets.createLoadBalancer(narrow).arn);
  const id = await scaleOut();
  await pass(17);
  expect(state(id)).toBe('unused');
  expect(abandoned(id)).toBeUndefined();
  expect(reasons(id).some((reason) => /^held: its target is unused: Target.NotInUse/.test(reason))).toBe(
    true,
  );
  listen(resource('::LoadBalancer'));
  await region.until('it is in service', () => admitted(id));
});

test('a target that never gets healthy while others are costs the machine its place', async () => {
  await settledFleet(1);
  const since = Date.now();
  const id = await scaleOut();
  reachable(id, false);
  await region.until('another one is in service', () => region.inService().length === 2);
  expect(abandoned(id)).toMatch('its target stays unhealthy: Target.FailedHealthChecks');
  expect(Date.now() - since).toBeGreaterThan(15 * minute);
  expect(region.targets().filter((target) => target.state === 'healthy')).toHaveLength(2);
});

test('with no healthy target at all nobody is replaced, and heartbeats keep the hook', async () => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  await region.until('the first machine', () => region.hosts.machines.size === 1);
  const [id] = [...region.hosts.machines.keys()] as [string];
  reachable(id, false);
  await pass(25);
  expect(state(id)).toBe('unhealthy');
  expect(abandoned(id)).toBeUndefined();
  // The hook's own time-out is ten minutes.
  expect(calls('RecordLifecycleActionHeartbeat').length).toBeGreaterThan(3);
  reachable(id, true);
  await region.settled();
  expect(admitted(id)).toBe(true);
});

test.each([
  ['late', () => false],
  ['after flapping', () => Math.floor(Date.now() / 25_000) % 2 === 0],
])('a target that gets healthy %s is waited for', async (_, answers) => {
  await settledFleet(1);
  const id = await scaleOut();
  const end = Date.now() + 12 * minute;
  await region.until('time passes', () => {
    reachable(id, answers());
    return Date.now() > end || admitted(id);
  });
  reachable(id, true);
  await region.until('it is in service', () => admitted(id));
  expect(abandoned(id)).toBeUndefined();
  expect(region.failures).toEqual([]);
});

test.each(['agent', 'apply', 'register'])(
  'a machine that is terminated from outside during %s is replaced, quietly',
  async (step) => {
    await settledFleet(1);
    const id = await scaleOut();
    if (step !== 'agent') await region.until(`its ${step}`, logged(id, step));
    void region.world.instances.terminate(id);
    await region.until('another one is in service', () => region.inService().length === 2);
    await region.until('it is gone from the group', () => region.instances().length === 2);
    await region.until('its target is gone', () => state(id) === undefined);
    expect(admitted(id)).toBe(false);
    // Nobody goes on asking about it.
    const from = calls('DescribeInstanceInformation').length;
    await pass(5);
    const asked = calls('DescribeInstanceInformation').slice(from);
    expect(asked.filter(({ input }) => JSON.stringify(input).includes(id))).toEqual([]);
    expect(region.failures).toEqual([]);
  },
);

const group = () => region.world.autoscaling.group('shoal-demo');
const actions = (id: string) => group()?.members.find(({ instanceId }) => instanceId === id)?.actions ?? [];

test('a hook of somebody else holds the instance on, and ours is not completed without an end', async () => {
  await settledFleet(1);
  group()?.hooks.push({
    name: 'inventory',
    transition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
    heartbeatTimeoutSeconds: 3600,
    defaultResult: 'CONTINUE',
  });
  const id = await scaleOut();
  await region.until('ours is completed', () => actions(id).length === 1);
  const from = calls('CompleteLifecycleAction').length;
  await pass(12);
  expect(region.instances().find((instance) => instance.id === id)?.lifecycle).toBe('Pending:Wait');
  // A sweep knows that ours is over only when it has tried, once.
  expect(calls('CompleteLifecycleAction').length - from).toBeLessThanOrEqual(12 + 2);
  expect(abandoned(id)).toBeUndefined();
  actions(id)[0]?.complete('CONTINUE');
  await region.until('it is in service', () => admitted(id));
  expect(region.failures).toEqual([]);
});

test.each(['CONTINUE', 'ABANDON'] as const)(
  'a launch that somebody else completes with %s ends quietly',
  async (result) => {
    await settledFleet(1);
    const id = await scaleOut();
    region.hosts.behave(id, 'unable');
    await region.until('it is held', () => reasons(id).some((reason) => reason.startsWith('held')));
    actions(id)[0]?.complete(result);
    region.hosts.behave(id, 'works');
    await region.until('two serve', () => {
      const serving = region.inService().filter((instance) => state(instance.id) === 'healthy');
      return serving.length === 2 && region.instances().length === 2;
    });
    expect(admitted(id)).toBe(result === 'CONTINUE');
    expect(abandoned(id)).toBeUndefined();
    expect(region.failures).toEqual([]);
  },
);

test('a heartbeat that comes too late is no failure', async () => {
  await settledFleet(1);
  const id = await scaleOut();
  reachable(id, false);
  await region.until('it is registered', logged(id, 'register'));
  // As with the hook deleted: what waited in it goes on at once.
  group()?.hooks.splice(0, 1);
  actions(id)[0]?.complete('ABANDON');
  await region.until('the machine is gone', () => !region.hosts.machines.has(id));
  await pass(15);
  expect(region.failures).toEqual([]);
});
