import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Group } from '../../region/services/groups.ts';
import { advance, startGroup } from './autoscaling-bed.ts';
import { launchHook, terminateHook } from './bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const both = [launchHook, terminateHook];
const complete = async (group: Group, result: 'CONTINUE' | 'ABANDON' = 'CONTINUE') => {
  for (const { actions } of group.members) actions[0]?.complete(result);
  await advance();
};

test('launches into the pool through the launch hook, then stops the instance', async () => {
  const { group, call, states, world, journeys, activityOf } = startGroup({
    desiredCapacity: 0,
    hooks: both,
  });
  call('PutWarmPool', { MinSize: 1, MaxGroupPreparedCapacity: 0 });
  await advance();
  expect(states()).toEqual(['Warmed:Pending:Wait']);
  expect(journeys('launch')).toEqual(['EC2 > WarmPool']);
  const { instanceId } = group.members[0]!;
  expect(activityOf(instanceId)).toMatchObject({
    description: `Launching a new EC2 instance into warm pool: ${instanceId}`,
    statusCode: 'MidLifecycleAction',
  });
  await complete(group);
  expect(states()).toEqual(['Warmed:Stopped']);
  expect(world.instances.get(instanceId)?.state).toBe('stopped');
  expect(activityOf(instanceId)?.statusCode).toBe('Successful');
});

test('tells the pool by DescribeWarmPool alone, and its size with the group', async () => {
  const { call, group } = startGroup();
  call('PutWarmPool', { MinSize: 2, MaxGroupPreparedCapacity: 0, PoolState: 'Running' });
  await advance();
  const [pool, groups] = [call('DescribeWarmPool'), call('DescribeAutoScalingGroups')];
  expect(pool).toMatchObject({
    WarmPoolConfiguration: { MinSize: 2, MaxGroupPreparedCapacity: 0, PoolState: 'Running' },
    Instances: [{ LifecycleState: 'Warmed:Running' }, { LifecycleState: 'Warmed:Running' }],
  });
  expect(groups).toMatchObject({
    AutoScalingGroups: [
      {
        WarmPoolSize: 2,
        WarmPoolConfiguration: { MinSize: 2 },
        Instances: [{ InstanceId: group.members.find(({ state }) => state === 'InService')?.instanceId }],
      },
    ],
  });
});

test('is as large as what the group may still grow by', async () => {
  const { call, states } = startGroup({ maxSize: 4 });
  call('PutWarmPool', { PoolState: 'Running' });
  await advance();
  const size = () => states().filter((state) => state === 'Warmed:Running').length;
  expect(size()).toBe(3);
  call('PutWarmPool', { MaxGroupPreparedCapacity: 2 });
  await advance();
  expect(size()).toBe(1);
  call('PutWarmPool', { MaxGroupPreparedCapacity: -1 });
  await advance();
  expect(size()).toBe(3);
});

test('scales out from the pool first, through the launch hook again', async () => {
  const { group, call, states, world, hosts, journeys, activityOf } = startGroup({
    desiredCapacity: 0,
    hooks: both,
  });
  call('PutWarmPool', { MinSize: 1, MaxGroupPreparedCapacity: 1 });
  await advance();
  await complete(group);
  const { instanceId } = group.members[0]!;
  call('SetDesiredCapacity', { DesiredCapacity: 2 });
  await advance(200);
  expect(states()).toEqual(['Pending:Wait', 'Pending:Wait', 'Warmed:Pending:Wait']);
  expect(journeys('launch').sort()).toEqual([
    'EC2 > AutoScalingGroup',
    'EC2 > WarmPool',
    'EC2 > WarmPool',
    'WarmPool > AutoScalingGroup',
  ]);
  expect(activityOf(instanceId)?.description).toBe(
    `Launching a new EC2 instance from warm pool: ${instanceId}`,
  );
  const { state, agentOnlineAt } = world.instances.get(instanceId)!;
  expect([state, agentOnlineAt > Date.now()]).toEqual(['running', true]);
  expect(hosts.get(instanceId)?.accepting).toBe(true);
  await complete(group);
  expect(states().slice(0, 2)).toEqual(['InService', 'InService']);
});

test('scales in to the pool when instances are reused, through the terminate hook', async () => {
  const { group, call, states, world, journeys, eventsOf } = startGroup({ hooks: [terminateHook] });
  await advance();
  const { instanceId } = group.members[0]!;
  call('PutWarmPool', { InstanceReusePolicy: { ReuseOnScaleIn: true }, MaxGroupPreparedCapacity: 1 });
  call('SetDesiredCapacity', { DesiredCapacity: 0 });
  await advance();
  expect(states()).toEqual(['Warmed:Pending:Wait']);
  expect(journeys('terminate')).toEqual(['AutoScalingGroup > WarmPool']);
  await complete(group);
  expect(states()).toEqual(['Warmed:Stopped']);
  expect(world.instances.get(instanceId)?.state).toBe('stopped');
  expect(eventsOf('EC2 Instance Terminate Successful')[0]?.detail).toMatchObject({ Destination: 'WarmPool' });
});

test.each([
  [false, 'Warmed:Stopped'],
  [true, 'Warmed:Pending:Retained'],
])('an abandoned way back into the pool, retained %s, ends %s', async (retainAbandoned, state) => {
  const { group, call, states } = startGroup({ hooks: [terminateHook], retainAbandoned });
  await advance();
  call('PutWarmPool', { InstanceReusePolicy: { ReuseOnScaleIn: true }, MinSize: 1 });
  await advance();
  const returning = group.members[0]!;
  call('SetDesiredCapacity', { DesiredCapacity: 0 });
  await advance();
  await complete(group, 'ABANDON');
  expect(returning.state).toBe(state);
  expect(states()).toContain(state);
});

test('replaces an abandoned launch into the pool, after a wait', async () => {
  const { group, call, hosts, activityOf } = startGroup({ desiredCapacity: 0, hooks: [launchHook] });
  call('PutWarmPool', { MinSize: 1, MaxGroupPreparedCapacity: 0 });
  await advance();
  const { instanceId } = group.members[0]!;
  await complete(group, 'ABANDON');
  expect(hosts.get(instanceId)?.terminated).toBe(true);
  await advance(2_000);
  expect(group.members.map(({ state }) => state)).toEqual(['Warmed:Pending:Wait']);
  expect(group.activities.find(({ statusCode }) => statusCode === 'Cancelled')?.statusMessage).toContain(
    "failed to complete user's Lifecycle Action",
  );
  expect(activityOf(instanceId)?.description).toBe(`Terminating EC2 instance: ${instanceId}`);
});

test('empties a deleted pool through the terminate hook, then forgets it', async () => {
  const { group, call, states, journeys } = startGroup({ desiredCapacity: 0, hooks: [terminateHook] });
  call('PutWarmPool', { MinSize: 1, MaxGroupPreparedCapacity: 0 });
  await advance();
  expect(() => call('DeleteWarmPool')).toThrow('instances in it');
  call('DeleteWarmPool', { ForceDelete: true });
  await advance();
  expect(states()).toEqual(['Warmed:Terminating:Wait']);
  expect(journeys('terminate')).toEqual(['WarmPool > EC2']);
  expect(call('DescribeWarmPool')).toMatchObject({ WarmPoolConfiguration: { Status: 'PendingDelete' } });
  await complete(group);
  expect(call('DescribeWarmPool')).toEqual({ Instances: [], NextToken: undefined });
  expect(() => call('DeleteWarmPool')).toThrow('No warm pool found');
});

test('replaces an instance of the pool that was ended from outside', async () => {
  const { group, call, states, world } = startGroup({ desiredCapacity: 0 });
  call('PutWarmPool', { MinSize: 1, MaxGroupPreparedCapacity: 0 });
  await advance();
  const { instanceId } = group.members[0]!;
  await world.instances.terminate(instanceId);
  await advance(2_000);
  expect(states()).toEqual(['Warmed:Stopped']);
  expect(group.members[0]?.instanceId).not.toBe(instanceId);
});

test('a group that is deleted takes its pool along', async () => {
  const { call, world, hosts } = startGroup();
  call('PutWarmPool', { MinSize: 1 });
  await advance();
  world.autoscaling.deleteGroup('proxies');
  await advance(2_000);
  expect(world.autoscaling.group('proxies')).toBeUndefined();
  expect([...hosts.values()].every(({ terminated }) => terminated)).toBe(true);
});
