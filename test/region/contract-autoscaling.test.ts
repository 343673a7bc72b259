import * as autoscaling from '@aws-sdk/client-auto-scaling';
import { expect, test } from 'vitest';
import { groupSpec, launchHook, until } from './bed.ts';
import { contract, refusal } from './contract.ts';

contract('Auto Scaling', (region) => {
  const send: autoscaling.AutoScalingClient['send'] = (...args: [never]) =>
    region.clients.autoscaling.send(...args);

  test('describes groups by name, by tag and in pages', async () => {
    region.bed.world.autoscaling.createGroup(groupSpec({ name: 'other', desiredCapacity: 0, tags: [] }));
    const named = await send(
      new autoscaling.DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['other', 'none'] }),
    );
    expect(named.AutoScalingGroups?.map((group) => group.AutoScalingGroupName)).toEqual(['other']);
    const Filters = [{ Name: 'tag:shoal:fleet', Values: ['tokyo', 'osaka'] }];
    const tagged = await send(new autoscaling.DescribeAutoScalingGroupsCommand({ Filters }));
    expect(tagged.AutoScalingGroups).toMatchObject([
      {
        AutoScalingGroupName: 'proxies',
        DesiredCapacity: 1,
        MaxSize: 5,
        Instances: [{ InstanceId: region.instanceId, LifecycleState: 'InService', HealthStatus: 'Healthy' }],
        Tags: [{ Key: 'shoal:fleet', Value: 'tokyo', PropagateAtLaunch: true }],
      },
    ]);
    const first = await send(new autoscaling.DescribeAutoScalingGroupsCommand({ MaxRecords: 1 }));
    expect(first.AutoScalingGroups).toHaveLength(1);
    const second = await send(
      new autoscaling.DescribeAutoScalingGroupsCommand({ NextToken: first.NextToken, MaxRecords: 1 }),
    );
    expect(second.AutoScalingGroups?.[0]?.AutoScalingGroupName).toBe('other');
    expect(second.NextToken).toBeUndefined();
  });

  test('refuses an unknown filter, a token of its own making and too large a page', async () => {
    const Filters = [{ Name: 'instance-id', Values: ['x'] }];
    const filtered = send(new autoscaling.DescribeAutoScalingGroupsCommand({ Filters }));
    expect((await refusal(filtered))?.[0]).toBe('ValidationError');
    const paged = send(new autoscaling.DescribeAutoScalingGroupsCommand({ NextToken: 'mine' }));
    expect((await refusal(paged))?.[0]).toBe('InvalidNextToken');
    const large = send(new autoscaling.DescribeAutoScalingGroupsCommand({ MaxRecords: 101 }));
    expect(await refusal(large)).toEqual([
      'ValidationError',
      "1 validation error detected: Value '101' at 'maxRecords' failed to satisfy constraint: Member must have value less than or equal to 100",
    ]);
  });

  test('describes instances and leaves out those it does not know', async () => {
    const ids = [region.instanceId, 'i-0aaaaaaaaaaaaaaaa'];
    const answer = await send(new autoscaling.DescribeAutoScalingInstancesCommand({ InstanceIds: ids }));
    expect(answer.AutoScalingInstances).toMatchObject([
      { InstanceId: region.instanceId, AutoScalingGroupName: 'proxies', LifecycleState: 'InService' },
    ]);
    const many = Array.from({ length: 51 }, () => region.instanceId);
    const tooMany = send(new autoscaling.DescribeAutoScalingInstancesCommand({ InstanceIds: many }));
    expect((await refusal(tooMany))?.[1]).toContain('Member must have length less than or equal to 50');
  });

  test('scales, with the activity and its cause in AWS words', async () => {
    await send(
      new autoscaling.SetDesiredCapacityCommand({ AutoScalingGroupName: 'proxies', DesiredCapacity: 2 }),
    );
    await until(() => region.bed.hosts.size === 2);
    const { Activities } = await send(
      new autoscaling.DescribeScalingActivitiesCommand({ AutoScalingGroupName: 'proxies' }),
    );
    expect(Activities).toHaveLength(2);
    expect(Activities?.[0]?.Description).toMatch(/^Launching a new EC2 instance: i-0[0-9a-f]{16}$/);
    expect(Activities?.[0]?.Cause).toMatch(
      /^At \S+Z a user request explicitly set group desired capacity changing the desired capacity from 1 to 2\. {2}At \S+Z an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 1 to 2\.$/,
    );
    expect(Activities?.[1]).toMatchObject({ StatusCode: 'Successful', Progress: 100 });
  });

  test('refuses a capacity outside the group and a group that is not there', async () => {
    const over = { AutoScalingGroupName: 'proxies', DesiredCapacity: 6 };
    expect(await refusal(send(new autoscaling.SetDesiredCapacityCommand(over)))).toEqual([
      'ValidationError',
      'New SetDesiredCapacity value 6 is above max value 5 for the AutoScalingGroup.',
    ]);
    const AutoScalingGroupName = 'none';
    for (const command of [
      new autoscaling.SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity: 1 }),
      new autoscaling.DescribeScalingActivitiesCommand({ AutoScalingGroupName }),
      new autoscaling.DescribeLifecycleHooksCommand({ AutoScalingGroupName }),
    ]) {
      expect((await refusal(region.clients.autoscaling.send(command as never)))?.[0]).toBe('ValidationError');
    }
  });

  test('holds an instance in its hook until it is completed, once', async () => {
    const group = region.bed.world.autoscaling.createGroup(
      groupSpec({ name: 'hooked', hooks: [launchHook] }),
    );
    await until(() => group.members[0]?.state === 'Pending:Wait');
    const { LifecycleHooks } = await send(
      new autoscaling.DescribeLifecycleHooksCommand({ AutoScalingGroupName: 'hooked' }),
    );
    expect(LifecycleHooks).toMatchObject([
      {
        LifecycleHookName: 'shoal-launch',
        HeartbeatTimeout: 300,
        GlobalTimeout: 30_000,
        DefaultResult: 'ABANDON',
      },
    ]);
    const action = {
      AutoScalingGroupName: 'hooked',
      LifecycleHookName: 'shoal-launch',
      InstanceId: group.members[0]!.instanceId,
    };
    await send(new autoscaling.RecordLifecycleActionHeartbeatCommand(action));
    const complete = { ...action, LifecycleActionResult: 'CONTINUE' };
    await send(new autoscaling.CompleteLifecycleActionCommand(complete));
    await until(() => group.members[0]?.state === 'InService');
    const gone = [
      'ValidationError',
      `No active Lifecycle Action found with instance ID ${action.InstanceId}`,
    ];
    expect(await refusal(send(new autoscaling.CompleteLifecycleActionCommand(complete)))).toEqual(gone);
    expect(await refusal(send(new autoscaling.RecordLifecycleActionHeartbeatCommand(action)))).toEqual(gone);
    const odd = { ...complete, LifecycleActionResult: 'MAYBE' };
    expect((await refusal(send(new autoscaling.CompleteLifecycleActionCommand(odd))))?.[1]).toContain(
      'Member must satisfy enum value set: [CONTINUE, ABANDON]',
    );
  });

  test('terminates an instance and replaces it, or not below the minimum', async () => {
    const command = (ShouldDecrementDesiredCapacity: boolean, InstanceId = region.instanceId) =>
      new autoscaling.TerminateInstanceInAutoScalingGroupCommand({
        InstanceId,
        ShouldDecrementDesiredCapacity,
      });
    region.bed.world.autoscaling.group('proxies')!.minSize = 1;
    expect((await refusal(send(command(true))))?.[1]).toContain('Currently, desiredSize equals minSize (1).');
    const { Activity } = await send(command(false));
    expect(Activity?.Description).toBe(`Terminating EC2 instance: ${region.instanceId}`);
    await until(() => region.bed.hosts.get(region.instanceId)?.terminated && region.bed.hosts.size === 2);
    expect((await refusal(send(command(false, 'i-0aaaaaaaaaaaaaaaa'))))?.[0]).toBe('ValidationError');
  });
});
