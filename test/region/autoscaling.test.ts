import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { advance, startGroup } from './autoscaling-bed.ts';
import { launchHook, terminateHook } from './bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const both = [launchHook, terminateHook];

test('standby keeps the instance, replaces its capacity and runs no hook', async () => {
  const { group, call, states, activityOf, journeys } = startGroup({ hooks: [terminateHook] });
  await advance();
  const { instanceId } = group.members[0]!;
  call('EnterStandby', { InstanceIds: [instanceId], ShouldDecrementDesiredCapacity: false });
  expect(states()[0]).toBe('EnteringStandby');
  await advance();
  expect(states()).toEqual(['Standby', 'InService']);
  expect(activityOf(instanceId)).toMatchObject({
    description: `Moving EC2 instance to Standby: ${instanceId}`,
    statusCode: 'Successful',
  });
  expect(activityOf(instanceId)?.cause).toMatch(/was moved to standby in response to a user request\.$/);
  expect(journeys('terminate')).toEqual([]);
});

test('leaving standby raises the capacity, and goes into service without a hook', async () => {
  const { group, call, states, activityOf, journeys } = startGroup({ desiredCapacity: 2 });
  await advance();
  group.hooks = both;
  const ids = { InstanceIds: [group.members[0]!.instanceId] };
  call('EnterStandby', { ...ids, ShouldDecrementDesiredCapacity: true });
  await advance();
  expect([group.desiredCapacity, ...states()]).toEqual([1, 'Standby', 'InService']);
  expect(activityOf(ids.InstanceIds[0])?.cause).toContain(', shrinking the capacity from 2 to 1.');
  call('ExitStandby', ids);
  expect(states()).toEqual(['Pending', 'InService']);
  await advance();
  expect([group.desiredCapacity, ...states()]).toEqual([2, 'InService', 'InService']);
  expect(activityOf(ids.InstanceIds[0])?.cause).toContain('increasing the capacity from 1 to 2.');
  expect(journeys('launch')).toEqual([]);
});

test('activities in progress are described before newer ones that have ended', async () => {
  const { group, call } = startGroup({ hooks: [launchHook] });
  await advance();
  const launch = group.members[0]?.instanceId;
  const other = { ...group.activities[0]!, id: 'x', endedAt: Date.now(), description: 'a newer one' };
  group.activities.unshift(other);
  const { Activities } = call<{ Activities: { Description: string }[] }>('DescribeScalingActivities');
  expect(Activities.map(({ Description }) => Description)).toEqual([
    expect.stringContaining(String(launch)),
    'a newer one',
  ]);
});

test('standby is refused below the minimum, and for an instance that does not serve', async () => {
  const { group, call } = startGroup({ minSize: 1 });
  await advance();
  const ids = { InstanceIds: [group.members[0]!.instanceId] };
  expect(() => call('EnterStandby', { ...ids, ShouldDecrementDesiredCapacity: true })).toThrow(
    'AutoScalingGroup proxies has min-size=1, max-size=5, and desired-size=1. To place into standby 1 instance, please update the AutoScalingGroup sizes appropriately.',
  );
  expect(() => call('ExitStandby', ids)).toThrow(`The instance ${ids.InstanceIds[0]} is not in Standby.`);
  call('SuspendProcesses', { ScalingProcesses: ['Launch'] });
  call('EnterStandby', { ...ids, ShouldDecrementDesiredCapacity: false });
  await advance();
  expect(() => call('ExitStandby', ids)).toThrow('Launch process');
});

test('a detached instance runs on, without its group', async () => {
  const { group, call, world, hosts, activityOf, journeys } = startGroup({ hooks: [terminateHook] });
  await advance();
  const { instanceId } = group.members[0]!;
  call('DetachInstances', { InstanceIds: [instanceId], ShouldDecrementDesiredCapacity: true });
  await advance();
  expect([group.desiredCapacity, group.members]).toEqual([0, []]);
  expect(world.instances.get(instanceId)).toMatchObject({
    state: 'running',
    tags: { 'shoal:fleet': 'tokyo' },
  });
  expect(world.instances.get(instanceId)?.tags).not.toHaveProperty(['aws:autoscaling:groupName']);
  expect(hosts.get(instanceId)?.terminated).toBe(false);
  expect(activityOf(instanceId)?.cause).toContain('was detached in response to a user request, shrinking');
  expect(journeys('terminate')).toEqual([]);
});

test('replaces what a caller marks unhealthy, once its grace is over', async () => {
  const { group, call, states } = startGroup({ healthGraceSeconds: 60 });
  await advance();
  const { instanceId } = group.members[0]!;
  call('SetInstanceHealth', { InstanceId: instanceId, HealthStatus: 'Unhealthy' });
  await advance(40_000);
  call('SetDesiredCapacity', { DesiredCapacity: 2 });
  await advance(10_000);
  expect(group.members).toMatchObject([{ instanceId, state: 'InService' }, { state: 'InService' }]);
  expect(call('DescribeAutoScalingInstances')).toMatchObject({
    AutoScalingInstances: [{ HealthStatus: 'Unhealthy' }, { HealthStatus: 'Healthy' }],
  });
  await advance(15_000);
  expect(states()).toEqual(['InService', 'InService']);
  expect(group.members.map((member) => member.instanceId)).not.toContain(instanceId);
  const causes = group.activities.map(({ cause }) => cause);
  expect(causes.some((cause) => cause.endsWith('in response to a user health-check.'))).toBe(true);
  expect(causes.some((cause) => cause.endsWith('an unhealthy instance needing to be replaced.'))).toBe(true);
});

test.each(['ReplaceUnhealthy', 'Terminate'])(
  'leaves the unhealthy one while %s is suspended',
  async (process) => {
    const { group, call } = startGroup({ healthGraceSeconds: 60 });
    await advance();
    const { instanceId } = group.members[0]!;
    call('SuspendProcesses', { ScalingProcesses: [process] });
    const respect = { ShouldRespectGracePeriod: false };
    call('SetInstanceHealth', { InstanceId: instanceId, HealthStatus: 'Unhealthy', ...respect });
    await advance(5_000);
    expect(group.members).toMatchObject([{ instanceId, state: 'InService' }]);
    call('ResumeProcesses', { ScalingProcesses: [process] });
    await advance(5_000);
    expect(group.members).not.toMatchObject([{ instanceId }]);
  },
);

test('sees nothing of an instance ended from outside while HealthCheck is suspended', async () => {
  const { group, call, world } = startGroup();
  await advance();
  const { instanceId } = group.members[0]!;
  call('SuspendProcesses', { ScalingProcesses: ['HealthCheck'] });
  await world.instances.terminate(instanceId);
  await advance(5_000);
  expect(group.members).toMatchObject([{ instanceId, state: 'InService' }]);
  call('ResumeProcesses');
  await advance(5_000);
  expect(group.members).not.toMatchObject([{ instanceId }]);
});

test('launches and terminates nothing while those processes are suspended', async () => {
  const { group, call, states } = startGroup();
  await advance();
  call('SuspendProcesses');
  expect(group.suspended.size).toBe(9);
  call('SetDesiredCapacity', { DesiredCapacity: 2 });
  call('PutWarmPool', { MinSize: 1 });
  await advance();
  expect(states()).toEqual(['InService']);
  call('SetDesiredCapacity', { DesiredCapacity: 0 });
  await advance();
  expect(states()).toEqual(['InService']);
  expect(call('DescribeAutoScalingGroups')).toMatchObject({
    AutoScalingGroups: [
      {
        SuspendedProcesses: expect.arrayContaining([
          { ProcessName: 'Launch', SuspensionReason: expect.stringMatching(/^User suspended at \S+Z$/) },
        ]),
      },
    ],
  });
  call('DeleteWarmPool');
  call('ResumeProcesses', { ScalingProcesses: ['Terminate'] });
  await advance();
  expect(states()).toEqual([]);
});

test('retains an instance whose terminate hook is abandoned, and replaces it', async () => {
  const { group, call, states, hosts, activityOf } = startGroup({
    hooks: [terminateHook],
    retainAbandoned: true,
  });
  await advance();
  const [member] = group.members;
  const id = { InstanceId: member!.instanceId };
  call('TerminateInstanceInAutoScalingGroup', { ...id, ShouldDecrementDesiredCapacity: false });
  await advance();
  member!.actions[0]!.complete('ABANDON');
  await advance();
  expect(states()).toEqual(['Terminating:Retained', 'InService']);
  expect(hosts.get(id.InstanceId)?.terminated).toBe(false);
  expect(activityOf(id.InstanceId)).toMatchObject({ statusCode: 'Cancelled' });
  const decrement = { ...id, ShouldDecrementDesiredCapacity: true };
  expect(() => call('TerminateInstanceInAutoScalingGroup', decrement)).toThrow('Retained');
  call('TerminateInstanceInAutoScalingGroup', { ...id, ShouldDecrementDesiredCapacity: false });
  await advance();
  member!.actions[0]!.complete('CONTINUE');
  await advance();
  expect(states()).toEqual(['InService']);
  expect(hosts.get(id.InstanceId)?.terminated).toBe(true);
});

test('a deleted hook lets go: a launch is abandoned, a termination goes on', async () => {
  const { group, call, hosts } = startGroup({ hooks: both, desiredCapacity: 2 });
  await advance();
  const [served, coming] = group.members;
  served!.actions[0]!.complete('CONTINUE');
  await advance();
  const id = { InstanceId: served!.instanceId };
  call('TerminateInstanceInAutoScalingGroup', { ...id, ShouldDecrementDesiredCapacity: true });
  await advance();
  expect(served!.state).toBe('Terminating:Wait');
  call('DeleteLifecycleHook', { LifecycleHookName: 'shoal-terminate' });
  call('DeleteLifecycleHook', { LifecycleHookName: 'shoal-launch' });
  await advance(2_000);
  expect(hosts.get(served!.instanceId)?.terminated).toBe(true);
  expect(hosts.get(coming!.instanceId)?.terminated).toBe(true);
  expect(group.members.map(({ state }) => state)).toEqual(['InService']);
  expect(() => call('DeleteLifecycleHook', { LifecycleHookName: 'shoal-launch' })).toThrow('shoal-launch');
});

test('a hook that is put holds the next launch, and keeps what is not changed', async () => {
  const { group, call, states } = startGroup();
  await advance();
  const transition = 'autoscaling:EC2_INSTANCE_LAUNCHING';
  const hook = { LifecycleHookName: 'new' };
  expect(() => call('PutLifecycleHook', hook)).toThrow('transition is required');
  call('PutLifecycleHook', { ...hook, LifecycleTransition: transition, DefaultResult: 'CONTINUE' });
  call('PutLifecycleHook', { ...hook, HeartbeatTimeout: 30 });
  expect(group.hooks).toMatchObject([{ heartbeatTimeoutSeconds: 30, defaultResult: 'CONTINUE', transition }]);
  call('SetDesiredCapacity', { DesiredCapacity: 2 });
  await advance();
  expect(states()).toEqual(['InService', 'Pending:Wait']);
  await advance(31_000);
  expect(states()).toEqual(['InService', 'InService']);
});

test('rebalancing launches first and terminates when that one serves', async () => {
  const { group, states, world } = startGroup({ desiredCapacity: 2, hooks: [launchHook] });
  const enter = async () => {
    for (const { actions } of group.members) actions[0]?.complete('CONTINUE');
    await advance();
  };
  await advance();
  await enter();
  world.autoscaling.rebalance('proxies');
  await advance();
  expect(states()).toEqual(['InService', 'InService', 'Pending:Wait']);
  expect(group.activities[0]?.cause).toContain('resulting in more than desired number of instances');
  await enter();
  expect(states()).toEqual(['InService', 'InService']);
  expect(group.desiredCapacity).toBe(2);
});

test('tags reach the instances launched after them', async () => {
  const { group, call, world } = startGroup();
  await advance();
  const tag = { ResourceId: 'proxies', ResourceType: 'auto-scaling-group', Key: 'team', Value: 'net' };
  call('CreateOrUpdateTags', { Tags: [{ ...tag, PropagateAtLaunch: true }] });
  call('SetDesiredCapacity', { DesiredCapacity: 2 });
  await advance();
  const teams = group.members.map(({ instanceId }) => world.instances.get(instanceId)?.tags.team);
  expect(teams).toEqual([undefined, 'net']);
  const Filters = [{ Name: 'key', Values: ['team'] }];
  expect(call('DescribeTags', { Filters })).toMatchObject({ Tags: [{ ...tag, PropagateAtLaunch: true }] });
  call('DeleteTags', { Tags: [tag] });
  expect(call('DescribeTags', { Filters })).toMatchObject({ Tags: [] });
});
