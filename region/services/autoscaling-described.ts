import type * as model from '@aws-sdk/client-auto-scaling';
import { page } from '../pages.ts';
import type { Service } from '../service.ts';
import type { Activity } from './activities.ts';
import type { Group, Groups } from './groups.ts';
import { invalid } from './lifecycle.ts';
import { isPooled, type Member } from './members.ts';

export const lookUps = (groups: Groups): Service['operations'] => ({
  DescribeAutoScalingGroups({ AutoScalingGroupNames: names, Filters: filters = [], ...input }) {
    const found = [...groups.all.values()].filter(
      ({ name, tags }) =>
        (!names?.length || names.includes(name)) &&
        filters.every((filter: model.Filter) => matches(tags, filter)),
    );
    const { items, next } = page(found, input.NextToken, input.MaxRecords ?? 50, 'InvalidNextToken');
    const described = items.map((group) => describeGroup(group, input.IncludeInstances ?? true));
    return { AutoScalingGroups: described, NextToken: next };
  },
  DescribeAutoScalingInstances({ InstanceIds: ids, NextToken: token, MaxRecords: size = 50 }) {
    const found = [...groups.all.values()].flatMap((group) =>
      group.members
        .filter(({ instanceId }) => !ids?.length || ids.includes(instanceId))
        .map((member) => ({ ...describeMember(group, member), AutoScalingGroupName: group.name })),
    );
    const { items, next } = page(found, token, size, 'InvalidNextToken');
    return { AutoScalingInstances: items, NextToken: next };
  },
  DescribeScalingActivities({ AutoScalingGroupName: name, ActivityIds: ids, ...input }) {
    const asked = name === undefined ? [...groups.all.values()] : [groups.find(name)];
    const found = asked.flatMap((group) =>
      group.activities
        .filter(({ id }) => !ids?.length || ids.includes(id))
        .map((activity) => describeActivity(group, activity)),
    );
    // Those in progress come first, as the API reference has it.
    const inOrder = [true, false].flatMap((open) =>
      found.filter((it) => (it.EndTime === undefined) === open),
    );
    const { items, next } = page(inOrder, input.NextToken, input.MaxRecords ?? 100, 'InvalidNextToken');
    return { Activities: items, NextToken: next };
  },
});

function matches(tags: Group['tags'], { Name: name = '', Values: values = [] }: model.Filter): boolean {
  if (name === 'tag-key') return tags.some(({ key }) => values.includes(key));
  if (name === 'tag-value') return tags.some(({ value }) => values.includes(value));
  if (name.startsWith('tag:'))
    return tags.some(({ key, value }) => `tag:${key}` === name && values.includes(value));
  const allowed = '[tag-key, tag-value, tag:<key>]';
  throw invalid(`Filter type ${name} is not correct. Allowed Filter types are: ${allowed}`);
}

function describeGroup(group: Group, withInstances: boolean): model.AutoScalingGroup {
  // The warm pool's instances are told by DescribeWarmPool alone.
  const members = group.members.filter((member) => !isPooled(member));
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    ...describeTemplate(group),
    MinSize: group.minSize,
    MaxSize: group.maxSize,
    DesiredCapacity: group.desiredCapacity,
    DefaultCooldown: 300,
    AvailabilityZones: [...group.zones],
    TargetGroupARNs: [],
    HealthCheckType: 'EC2',
    HealthCheckGracePeriod: group.healthGraceSeconds,
    Instances: withInstances ? members.map((member) => describeMember(group, member)) : [],
    CreatedTime: new Date(group.createdAt),
    SuspendedProcesses: [...group.suspended].map(([ProcessName, SuspensionReason]) => ({
      ProcessName,
      SuspensionReason,
    })),
    ...describePool(group),
    ...(group.pool && { WarmPoolSize: group.members.length - members.length }),
    VPCZoneIdentifier: group.subnets.join(','),
    ...(group.deleting ? { Status: 'Delete in progress' } : {}),
    Tags: group.tags.map((tag) => describeTag(group, tag)),
    TerminationPolicies: ['Default'],
    NewInstancesProtectedFromScaleIn: false,
    ...(group.retainAbandoned && {
      InstanceLifecyclePolicy: { RetentionTriggers: { TerminateHookAbandon: 'retain' } },
    }),
  };
}

export const describeTag = (group: Group, tag: Group['tags'][number]): model.TagDescription => ({
  ResourceId: group.name,
  ResourceType: 'auto-scaling-group',
  Key: tag.key,
  Value: tag.value,
  PropagateAtLaunch: tag.propagateAtLaunch,
});

function describeTemplate({ launchTemplate }: Group): { LaunchTemplate?: model.LaunchTemplateSpecification } {
  if (!launchTemplate) return {};
  const { id, name, version } = launchTemplate;
  return { LaunchTemplate: { LaunchTemplateId: id, LaunchTemplateName: name, Version: version } };
}

export const describeMember = (group: Group, member: Member) => ({
  InstanceId: member.instanceId,
  AvailabilityZone: member.zone,
  LifecycleState: member.state as model.LifecycleState,
  HealthStatus: member.unhealthy === undefined ? 'Healthy' : 'Unhealthy',
  ...describeTemplate(group),
  ProtectedFromScaleIn: false,
});

export const describeActivity = (group: Group, activity: Activity) => ({
  ActivityId: activity.id,
  AutoScalingGroupName: group.name,
  AutoScalingGroupARN: group.arn,
  Description: activity.description,
  Cause: activity.cause,
  StartTime: new Date(activity.startedAt),
  EndTime: activity.endedAt === undefined ? undefined : new Date(activity.endedAt),
  StatusCode: activity.statusCode,
  StatusMessage: activity.statusMessage,
  Progress: activity.progress,
  Details: JSON.stringify({ 'Availability Zone': activity.zone }),
});

export function describePool({ pool }: Group): Pick<model.AutoScalingGroup, 'WarmPoolConfiguration'> {
  if (!pool) return {};
  return {
    WarmPoolConfiguration: {
      ...(pool.maxPrepared !== undefined && { MaxGroupPreparedCapacity: pool.maxPrepared }),
      MinSize: pool.minSize,
      PoolState: pool.state,
      ...(pool.deleting && { Status: 'PendingDelete' }),
      InstanceReusePolicy: { ReuseOnScaleIn: pool.reuse },
    },
  };
}
