import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Pace } from '../../region/pace.ts';
import { fast, real } from '../../region/pace.ts';
import { zones } from '../../region/service.ts';
import type { TargetGroupSpec } from '../../region/services/balancing.ts';
import { createBed, groupSpec } from './bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const call = { identity: 'me', accessKeyId: 'key', requestId: 'id' };

/** Some instances in service and a target group that they aren't in yet. */
async function start(count: number, attributes: TargetGroupSpec['attributes'] = {}, pace: Pace = fast) {
  const bed = createBed(pace);
  const { targets, autoscaling } = bed.world;
  const group = autoscaling.createGroup(groupSpec({ desiredCapacity: count }));
  await advance(20_000);
  const ids = group.members.map(({ instanceId }) => instanceId);
  const network = { vpcId: 'vpc-1', tags: {} };
  const balancer = targets.createLoadBalancer({ ...network, name: 'nlb', zones });
  const healthCheck = { intervalSeconds: 10, healthyThreshold: 2, unhealthyThreshold: 2 };
  const targetGroup = targets.createTargetGroup({
    ...network,
    name: 'proxies',
    port: 3128,
    attributes,
    healthCheck,
  });
  const listen = () =>
    targets.createListener({
      loadBalancerArn: balancer.arn,
      port: 3128,
      targetGroupArn: targetGroup.arn,
      tags: {},
    });
  const act = (operation: 'RegisterTargets' | 'DeregisterTargets', Ids: string[]) =>
    targets.service.operations[operation]!(
      { TargetGroupArn: targetGroup.arn, Targets: Ids.map((Id) => ({ Id })) },
      call,
    );
  const states = () => [...targetGroup.targets.values()].map(({ state }) => state);
  const routed = () => bed.routes.at(-1)?.targets;
  return { ...bed, ids, targetGroup, listen, act, states, routed };
}

test('a target of a group without a listener is unused until there is one', async () => {
  const { act, ids, states, listen, targetGroup } = await start(1);
  act('RegisterTargets', ids);
  await advance(10_000);
  expect(states()).toEqual(['unused']);
  expect([...targetGroup.targets.values()][0]?.reason).toBe('Target.NotInUse');
  listen();
  expect(states()).toEqual(['initial']);
  await advance(2_000);
  expect(states()).toEqual(['healthy']);
});

test('a target turns healthy after its least time and two real connects', async () => {
  const { act, ids, states, listen, hosts } = await start(1);
  listen();
  hosts.get(ids[0]!)!.accepting = false;
  act('RegisterTargets', ids);
  await advance(400);
  hosts.get(ids[0]!)!.accepting = true;
  await advance(500);
  expect(states()).toEqual(['initial']);
  await advance(600);
  expect(states()).toEqual(['healthy']);
});

test('at the real pace registration takes a minute and a half', async () => {
  const { act, ids, states, listen } = await start(1, {}, real);
  listen();
  act('RegisterTargets', ids);
  await advance(89_000);
  expect(states()).toEqual(['initial']);
  await advance(12_000);
  expect(states()).toEqual(['healthy']);
});

test('an unhealthy target gets nothing new and its flows are reset', async () => {
  const { act, ids, states, listen, hosts, routes, routed } = await start(2);
  listen();
  act('RegisterTargets', ids);
  await advance(3_000);
  expect(routed()).toEqual(['10.0.0.1:3128', '10.0.0.2:3128']);
  hosts.get(ids[0]!)!.accepting = false;
  await advance(1_500);
  expect(states()).toEqual(['unhealthy', 'healthy']);
  expect(routes.at(-1)).toEqual({ port: 3128, targets: ['10.0.0.2:3128'], reset: ['10.0.0.1'] });
  hosts.get(ids[0]!)!.accepting = true;
  await advance(1_500);
  expect(routed()).toEqual(['10.0.0.1:3128', '10.0.0.2:3128']);
});

test('fails open, and resets nothing, when no target is healthy', async () => {
  const { act, ids, listen, hosts, routes } = await start(2);
  listen();
  act('RegisterTargets', ids);
  await advance(3_000);
  hosts.get(ids[0]!)!.accepting = false;
  await advance(2_000);
  hosts.get(ids[1]!)!.accepting = false;
  await advance(2_000);
  expect(routes.at(-1)).toEqual({ port: 3128, targets: ['10.0.0.1:3128', '10.0.0.2:3128'], reset: [] });
});

test('a deregistered target drains for its delay and is routed to for the lag', async () => {
  const { act, ids, states, listen, routed } = await start(2, {
    'deregistration_delay.timeout_seconds': '20',
  });
  listen();
  act('RegisterTargets', ids);
  await advance(3_000);
  act('DeregisterTargets', [ids[0]!]);
  expect(states()).toEqual(['draining', 'healthy']);
  await advance(fast.balancerLagMs - 100);
  expect(routed()).toContain('10.0.0.1:3128');
  await advance(200);
  expect(routed()).toEqual(['10.0.0.2:3128']);
  await advance(18_000);
  expect(states()).toEqual(['draining', 'healthy']);
  await advance(1_000);
  expect(states()).toEqual(['healthy']);
});

test("closes a drained target's flows only where the group says so", async () => {
  for (const [terminate, reset] of [
    ['true', ['10.0.0.1']],
    ['false', []],
  ] as const) {
    const { act, ids, listen, routes } = await start(2, {
      'deregistration_delay.timeout_seconds': '5',
      'deregistration_delay.connection_termination.enabled': terminate,
    });
    listen();
    act('RegisterTargets', ids);
    await advance(3_000);
    act('DeregisterTargets', [ids[0]!]);
    await advance(6_000);
    expect(routes.flatMap((route) => route.reset)).toEqual(reset);
  }
});

test('a target registered again while it drains starts over', async () => {
  const { act, ids, states, listen } = await start(1);
  listen();
  act('RegisterTargets', ids);
  act('RegisterTargets', ids);
  await advance(3_000);
  act('DeregisterTargets', ids);
  act('RegisterTargets', ids);
  expect(states()).toEqual(['initial']);
  await advance(400_000);
  expect(states()).toEqual(['healthy']);
});

test('an instance that ends is deregistered by the balancer', async () => {
  const { act, ids, states, listen, world } = await start(1);
  listen();
  act('RegisterTargets', ids);
  await advance(3_000);
  await world.instances.terminate(ids[0]!);
  expect(states()).toEqual(['draining']);
});
