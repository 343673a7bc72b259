import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fast } from '../../region/pace.ts';
import type { Group } from '../../region/services/groups.ts';
import { createBed, groupSpec, launchHook, terminateHook } from './bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const states = (group: Group) => group.members.map(({ state }) => state);
const bothHooks = [launchHook, terminateHook];

function start(extra: Parameters<typeof groupSpec>[0] = {}) {
  const bed = createBed(fast);
  return { ...bed, group: bed.world.autoscaling.createGroup(groupSpec(extra)) };
}

test('waits in the launch hook, then comes into service', async () => {
  const { group, eventsOf } = start({ hooks: bothHooks });
  await advance(500);
  expect(states(group)).toEqual(['Pending:Wait']);
  expect(group.activities[0]?.statusCode).toBe('MidLifecycleAction');
  const [member] = group.members;
  expect(eventsOf('EC2 Instance-launch Lifecycle Action')).toMatchObject([
    {
      source: 'aws.autoscaling',
      resources: [group.arn],
      detail: {
        LifecycleActionToken: member?.actions[0]?.token,
        AutoScalingGroupName: 'proxies',
        LifecycleHookName: 'shoal-launch',
        EC2InstanceId: member?.instanceId,
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
        NotificationMetadata: 'note',
        Origin: 'EC2',
        Destination: 'AutoScalingGroup',
      },
    },
  ]);
  member?.actions[0]?.complete('CONTINUE');
  expect(states(group)).toEqual(['Pending:Proceed']);
  await advance(500);
  expect(states(group)).toEqual(['InService']);
  expect(group.activities[0]).toMatchObject({ statusCode: 'Successful', progress: 100 });
  expect(eventsOf('EC2 Instance Launch Successful')).toHaveLength(1);
});

test('abandons a launch whose hook is not completed in time', async () => {
  const { group, hosts } = start({ hooks: [launchHook] });
  await advance(299_000);
  expect(states(group)).toEqual(['Pending:Wait']);
  const { token } = group.members[0]!.actions[0]!;
  await advance(2_000);
  expect([...hosts.values()].map(({ terminated }) => terminated)).toEqual([true]);
  const cancelled = group.activities.find(({ statusCode }) => statusCode === 'Cancelled');
  expect(cancelled?.statusMessage).toBe(
    `Instance failed to complete user's Lifecycle Action: Lifecycle Action with token ${token} was abandoned: Heartbeat Timeout Elapsed`,
  );
});

test('waits for every hook of a transition, and one ABANDON ends them all', async () => {
  const { group } = start({ hooks: [launchHook, { ...launchHook, name: 'other' }], desiredCapacity: 2 });
  await advance(500);
  const [continued, abandoned] = group.members;
  continued?.actions[0]?.complete('CONTINUE');
  abandoned?.actions[0]?.complete('ABANDON');
  expect(states(group)).toEqual(['Pending:Wait', 'Terminating']);
  expect(abandoned?.actions).toEqual([]);
  continued?.actions[0]?.complete('CONTINUE');
  expect(continued?.state).toBe('Pending:Proceed');
});

test('a heartbeat starts the time-out anew, up to the global one', async () => {
  const { group } = start({ hooks: [{ ...launchHook, heartbeatTimeoutSeconds: 30 }] });
  await advance(1_000);
  const member = group.members[0]!;
  for (let minutes = 0; minutes < 49; minutes += 1) {
    for (let beat = 0; beat < 3; beat += 1) {
      member.actions[0]?.heartbeat();
      await advance(20_000);
    }
  }
  expect(member.state).toBe('Pending:Wait');
  for (let beat = 0; beat < 4; beat += 1) {
    member.actions[0]?.heartbeat();
    await advance(20_000);
  }
  expect(member.state).not.toBe('Pending:Wait');
});

test('replaces an abandoned launch after a wait that doubles', async () => {
  const { group, hosts } = start({ hooks: [launchHook] });
  const launchedAt: number[] = [];
  for (let launch = 1; launch <= 4; launch += 1) {
    while (hosts.size < launch) await advance(100);
    launchedAt.push(Date.now());
    group.members.at(-1)!.actions[0]!.complete('ABANDON');
  }
  const waits = launchedAt.slice(1).map((at, index) => at - launchedAt[index]!);
  expect(waits[0]).toBeLessThan(1_500);
  expect(waits[1]! / waits[0]!).toBeGreaterThan(1.5);
  expect(waits[2]! / waits[1]!).toBeGreaterThan(1.5);
});

test('tries again when a host does not come, and says why', async () => {
  const { group, bed, hosts, eventsOf } = start();
  bed.launchError = new Error('We currently do not have sufficient capacity');
  await advance(500);
  expect(hosts.size).toBe(0);
  expect(group.activities[0]).toMatchObject({ statusCode: 'Failed' });
  expect(group.activities[0]?.statusMessage).toContain('sufficient capacity');
  expect(eventsOf('EC2 Instance Launch Unsuccessful')).toHaveLength(1);
  bed.launchError = undefined;
  await advance(5_000);
  expect(states(group)).toEqual(['InService']);
});

test('scales in through the terminate hook, and ends the machine only then', async () => {
  const { group, hosts, eventsOf, world } = start({ hooks: [terminateHook], desiredCapacity: 2 });
  await advance(1_000);
  expect(states(group)).toEqual(['InService', 'InService']);
  const oldest = group.members[0]!;
  world.autoscaling.deleteGroup('proxies');
  await advance(1_000);
  expect(states(group)).toEqual(['Terminating:Wait', 'Terminating:Wait']);
  expect(eventsOf('EC2 Instance-terminate Lifecycle Action')[0]?.detail).toMatchObject({
    LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
    Destination: 'EC2',
  });
  expect(hosts.get(oldest.instanceId)?.terminated).toBe(false);
  oldest.actions[0]!.complete('CONTINUE');
  await advance(500);
  expect(hosts.get(oldest.instanceId)?.terminated).toBe(true);
  await advance(60_000);
  expect([...hosts.values()].every(({ terminated }) => terminated)).toBe(true);
  expect(world.autoscaling.group('proxies')).toBeUndefined();
  expect(eventsOf('EC2 Instance Terminate Successful')).toHaveLength(2);
});

test('a launch waiting in its hook can be scaled in', async () => {
  const { group, hosts, world } = start({ hooks: [launchHook] });
  await advance(1_000);
  world.autoscaling.deleteGroup('proxies');
  await advance(1_000);
  expect(group.members).toEqual([]);
  expect([...hosts.values()].map(({ terminated }) => terminated)).toEqual([true]);
});

test('spreads instances over the zones, and takes the oldest of the fullest', async () => {
  const { group, world } = start({ desiredCapacity: 3, zones: ['zone-a', 'zone-c'] });
  const call = { identity: 'me', accessKeyId: 'key', requestId: 'id' };
  const { SetDesiredCapacity, TerminateInstanceInAutoScalingGroup } = world.autoscaling.service.operations;
  const set = async (DesiredCapacity: number) => {
    SetDesiredCapacity!({ AutoScalingGroupName: 'proxies', DesiredCapacity }, call);
    await advance(1_000);
  };
  const zones = () => group.members.map(({ zone }) => zone);
  await advance(1_000);
  expect(zones()).toEqual(['zone-a', 'zone-c', 'zone-a']);
  const first = { InstanceId: group.members[0]!.instanceId, ShouldDecrementDesiredCapacity: true };
  TerminateInstanceInAutoScalingGroup!(first, call);
  await advance(1_000);
  await set(3);
  expect(zones()).toEqual(['zone-c', 'zone-a', 'zone-a']);
  const [, older] = group.members;
  await set(2);
  expect(zones()).toEqual(['zone-c', 'zone-a']);
  expect(group.members).not.toContain(older);
});

test('replaces an instance that was ended from outside', async () => {
  const { group, world, eventsOf } = start({ hooks: [terminateHook] });
  await advance(1_000);
  await world.instances.terminate(group.members[0]!.instanceId);
  await advance(1_000);
  expect(states(group)).toEqual(['Terminating:Wait', 'InService']);
  expect(group.activities.find(({ cause }) => cause.includes('EC2 health check'))).toBeDefined();
  expect(eventsOf('EC2 Instance-terminate Lifecycle Action')).toHaveLength(1);
});
