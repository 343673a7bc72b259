import * as autoscaling from '@aws-sdk/client-auto-scaling';
import { expect, test } from 'vitest';
import { until } from './bed.ts';
import { contract, refusal } from './contract.ts';

contract('Auto Scaling, what changes a group', (region) => {
  const send: autoscaling.AutoScalingClient['send'] = (...args: [never]) =>
    region.clients.autoscaling.send(...args);
  const AutoScalingGroupName = 'proxies';
  const group = () => region.bed.world.autoscaling.group('proxies')!;
  const ids = () => ({ AutoScalingGroupName, InstanceIds: [region.instanceId] });

  test('puts, describes and deletes a warm pool', async () => {
    const policy = { InstanceReusePolicy: { ReuseOnScaleIn: true } };
    const input = { AutoScalingGroupName, MinSize: 1, MaxGroupPreparedCapacity: 1, ...policy };
    await send(new autoscaling.PutWarmPoolCommand(input));
    await until(() => group().members[1]?.state === 'Warmed:Stopped');
    expect(await send(new autoscaling.DescribeWarmPoolCommand({ AutoScalingGroupName }))).toMatchObject({
      WarmPoolConfiguration: { MinSize: 1, MaxGroupPreparedCapacity: 1, PoolState: 'Stopped', ...policy },
      Instances: [{ InstanceId: group().members[1]?.instanceId, LifecycleState: 'Warmed:Stopped' }],
    });
    const deletion = send(new autoscaling.DeleteWarmPoolCommand({ AutoScalingGroupName }));
    expect((await refusal(deletion))?.[0]).toBe('ResourceInUseFault');
    await send(new autoscaling.DeleteWarmPoolCommand({ AutoScalingGroupName, ForceDelete: true }));
    await until(() => group().pool === undefined && group().members.length === 1);
    const hibernated = { AutoScalingGroupName, PoolState: 'Hibernated' as const };
    expect((await refusal(send(new autoscaling.PutWarmPoolCommand(hibernated))))?.[1]).toContain(
      'Member must satisfy enum value set: [Stopped, Running]',
    );
    const none = send(new autoscaling.DescribeWarmPoolCommand({ AutoScalingGroupName: 'none' }));
    expect((await refusal(none))?.[0]).toBe('ValidationError');
  });

  test('moves an instance to standby and back, and detaches it', async () => {
    const decrement = { ShouldDecrementDesiredCapacity: true };
    const entered = await send(new autoscaling.EnterStandbyCommand({ ...ids(), ...decrement }));
    expect(entered.Activities).toMatchObject([
      { Description: `Moving EC2 instance to Standby: ${region.instanceId}`, AutoScalingGroupName },
    ]);
    await until(() => group().members[0]?.state === 'Standby');
    const again = send(new autoscaling.EnterStandbyCommand({ ...ids(), ...decrement }));
    expect(await refusal(again)).toEqual([
      'ValidationError',
      `The instance ${region.instanceId} is not in InService.`,
    ]);
    const { Activities } = await send(new autoscaling.ExitStandbyCommand(ids()));
    expect(Activities?.[0]?.Cause).toMatch(
      /was moved out of standby .* increasing the capacity from 0 to 1\.$/,
    );
    await until(() => group().members[0]?.state === 'InService');
    expect((await refusal(send(new autoscaling.ExitStandbyCommand(ids()))))?.[1]).toContain('not in Standby');
    await send(new autoscaling.DetachInstancesCommand({ ...ids(), ...decrement }));
    await until(() => group().members.length === 0);
    expect(await refusal(send(new autoscaling.DetachInstancesCommand({ ...ids(), ...decrement })))).toEqual([
      'ValidationError',
      `The instance ${region.instanceId} is not part of Auto Scaling group proxies.`,
    ]);
  });

  test('replaces an instance that a caller says is unhealthy', async () => {
    const InstanceId = region.instanceId;
    const odd = send(new autoscaling.SetInstanceHealthCommand({ InstanceId, HealthStatus: 'Sick' }));
    expect((await refusal(odd))?.[1]).toContain('Member must satisfy enum value set: [Healthy, Unhealthy]');
    await send(new autoscaling.SetInstanceHealthCommand({ InstanceId, HealthStatus: 'Unhealthy' }));
    await until(() => region.bed.hosts.get(InstanceId)?.terminated && region.bed.hosts.size === 2);
  });

  test('puts and deletes a lifecycle hook', async () => {
    const hook = { AutoScalingGroupName, LifecycleHookName: 'shoal-launch' };
    const put = (input: object) => send(new autoscaling.PutLifecycleHookCommand({ ...hook, ...input }));
    const LifecycleTransition = 'autoscaling:EC2_INSTANCE_LAUNCHING';
    await put({ LifecycleTransition, HeartbeatTimeout: 30, NotificationMetadata: 'note' });
    expect((await refusal(put({ HeartbeatTimeout: 29 })))?.[1]).toContain('greater than or equal to 30');
    const described = await send(new autoscaling.DescribeLifecycleHooksCommand({ AutoScalingGroupName }));
    expect(described.LifecycleHooks).toMatchObject([
      { ...hook, LifecycleTransition, HeartbeatTimeout: 30, DefaultResult: 'ABANDON' },
    ]);
    await send(new autoscaling.DeleteLifecycleHookCommand(hook));
    expect((await refusal(send(new autoscaling.DeleteLifecycleHookCommand(hook))))?.[0]).toBe(
      'ValidationError',
    );
  });

  test('suspends and resumes processes', async () => {
    const processes = (ScalingProcesses: string[]) => ({ AutoScalingGroupName, ScalingProcesses });
    await send(new autoscaling.SuspendProcessesCommand(processes(['Launch', 'AZRebalance'])));
    await send(new autoscaling.ResumeProcessesCommand(processes(['AZRebalance'])));
    const { AutoScalingGroups } = await send(new autoscaling.DescribeAutoScalingGroupsCommand({}));
    expect(AutoScalingGroups?.[0]?.SuspendedProcesses).toMatchObject([{ ProcessName: 'Launch' }]);
    for (const command of [autoscaling.SuspendProcessesCommand, autoscaling.ResumeProcessesCommand]) {
      const odd = region.clients.autoscaling.send(new command(processes(['Sleep'])) as never);
      expect((await refusal(odd))?.[0]).toBe('ValidationError');
    }
  });

  test('creates, describes and deletes tags', async () => {
    const tag = { ResourceId: 'proxies', ResourceType: 'auto-scaling-group', Key: 'team' };
    const Tags = [{ ...tag, Value: 'net', PropagateAtLaunch: true }];
    await send(new autoscaling.CreateOrUpdateTagsCommand({ Tags }));
    const Filters = [{ Name: 'value', Values: ['net'] }];
    expect((await send(new autoscaling.DescribeTagsCommand({ Filters }))).Tags).toEqual(Tags);
    await send(new autoscaling.DeleteTagsCommand({ Tags: [tag] }));
    expect((await send(new autoscaling.DescribeTagsCommand({ Filters }))).Tags).toEqual([]);
    const odd = [{ ...tag, Key: 'aws:mine' }];
    const elsewhere = [{ ...tag, ResourceId: 'none' }];
    for (const call of [
      send(new autoscaling.CreateOrUpdateTagsCommand({ Tags: odd })),
      send(new autoscaling.DeleteTagsCommand({ Tags: elsewhere })),
      send(new autoscaling.DescribeTagsCommand({ Filters: [{ Name: 'team', Values: ['net'] }] })),
    ])
      expect((await refusal(call))?.[0]).toBe('ValidationError');
  });
});
