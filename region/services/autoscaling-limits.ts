import type { Members, Rule } from '../service.ts';

const groupName = { min: 1, max: 255 };
const hookName = { min: 1, max: 255, pattern: /^[A-Za-z0-9\-_/]+$/ };
const token = { min: 36, max: 36 };
const instanceId = { min: 1, max: 19 };
const text = {};

const group: Members = { AutoScalingGroupName: groupName };
const hook: Members = { ...group, LifecycleHookName: hookName };
const lifecycleAction: Members = { ...hook, LifecycleActionToken: token, InstanceId: instanceId };
const pages: Members = { MaxRecords: { min: 1, max: 100 }, NextToken: text };
const smallPages: Members = { MaxRecords: { min: 1, max: 50 }, NextToken: text };
const standby: Members = { ...group, InstanceIds: { max: 20, each: instanceId } };
const decrement: Members = { ShouldDecrementDesiredCapacity: {} };
const results: Rule = { values: ['CONTINUE', 'ABANDON'] };
const filters: Rule = { max: 20, each: { members: { Name: text, Values: {} } } };
/** What SuspendProcesses takes, and without any named, suspends. */
export const processes: readonly string[] =
  'Launch Terminate AddToLoadBalancer AlarmNotification AZRebalance HealthCheck InstanceRefresh ReplaceUnhealthy ScheduledActions'.split(
    ' ',
  );
const scalingProcesses: Members = { ...group, ScalingProcesses: { each: { values: processes } } };
const tag: Members = {
  ResourceId: groupName,
  ResourceType: { values: ['auto-scaling-group'] },
  ...{ Key: { min: 1, max: 128 }, Value: { max: 256 }, PropagateAtLaunch: {} },
};
const template: Rule = {
  members: {
    LaunchTemplateId: { min: 1, max: 255 },
    LaunchTemplateName: { min: 3, max: 128 },
    Version: { min: 1, max: 255 },
  },
};
const tags: Members = { Tags: { each: { members: tag } } };

/** As in limits.ts, for Auto Scaling. */
export const autoscalingLimits: Record<string, Members> = {
  SetDesiredCapacity: { AutoScalingGroupName: groupName, DesiredCapacity: { min: 0 } },
  TerminateInstanceInAutoScalingGroup: { InstanceId: instanceId, ...decrement },
  CompleteLifecycleAction: { ...lifecycleAction, LifecycleActionResult: results },
  RecordLifecycleActionHeartbeat: lifecycleAction,
  DescribeAutoScalingGroups: {
    AutoScalingGroupNames: { max: 100, each: groupName },
    IncludeInstances: {},
    ...pages,
    Filters: filters,
  },
  DescribeAutoScalingInstances: { InstanceIds: { max: 50, each: instanceId }, ...smallPages },
  DescribeScalingActivities: { ActivityIds: { max: 100 }, ...group, ...pages },
  DescribeLifecycleHooks: { ...group, LifecycleHookNames: { max: 50, each: hookName } },
  PutLifecycleHook: {
    ...hook,
    LifecycleTransition: {
      values: ['autoscaling:EC2_INSTANCE_LAUNCHING', 'autoscaling:EC2_INSTANCE_TERMINATING'],
    },
    NotificationMetadata: { min: 1, max: 4000, pattern: /^[\t\n\r -~]+$/ },
    HeartbeatTimeout: { min: 30, max: 7200 },
    DefaultResult: results,
  },
  DeleteLifecycleHook: hook,
  SetInstanceHealth: {
    InstanceId: instanceId,
    HealthStatus: { values: ['Healthy', 'Unhealthy'] },
    ShouldRespectGracePeriod: {},
  },
  SuspendProcesses: scalingProcesses,
  ResumeProcesses: scalingProcesses,
  EnterStandby: { ...standby, ...decrement },
  ExitStandby: standby,
  DetachInstances: { ...standby, ...decrement },
  // Without Hibernated: no host of the region can keep its memory.
  PutWarmPool: {
    ...group,
    MaxGroupPreparedCapacity: { min: -1 },
    MinSize: { min: 0 },
    PoolState: { values: ['Stopped', 'Running'] },
    InstanceReusePolicy: {},
  },
  DescribeWarmPool: { ...group, ...smallPages },
  DeleteWarmPool: { ...group, ForceDelete: {} },
  // Without what the region's hosts have no use for: checkpoints, alarms, rollbacks, protected instances.
  StartInstanceRefresh: {
    ...group,
    Strategy: { values: ['Rolling', 'ReplaceRootVolume'] },
    DesiredConfiguration: {
      members: {
        LaunchTemplate: template,
        MixedInstancesPolicy: {
          members: {
            LaunchTemplate: {
              members: {
                LaunchTemplateSpecification: template,
                Overrides: {
                  each: { members: { InstanceType: { min: 1, max: 255 }, ImageId: { min: 1, max: 255 } } },
                },
              },
            },
          },
        },
      },
    },
    Preferences: {
      members: {
        MinHealthyPercentage: { min: 0, max: 100 },
        MaxHealthyPercentage: { min: 100, max: 200 },
        InstanceWarmup: { min: 0 },
      },
    },
  },
  CancelInstanceRefresh: group,
  DescribeInstanceRefreshes: { ...group, InstanceRefreshIds: { each: token }, ...pages },
  CreateOrUpdateTags: tags,
  DeleteTags: tags,
  DescribeTags: { Filters: filters, ...pages },
};
