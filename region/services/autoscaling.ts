import * as model from '@aws-sdk/client-auto-scaling';
import type { Context } from '../context.ts';
import { autoscalingLimits } from '../limits.ts';
import { page } from '../pages.ts';
import { AwsError, region, type Service } from '../service.ts';
import type { Activity } from './activities.ts';
import { type Group, type GroupSpec, Groups, isLeaving, type Member } from './groups.ts';
import { findAction, globalTimeoutSeconds } from './lifecycle.ts';

export interface AutoScaling {
  service: Service;
  createGroup(spec: GroupSpec): Group;
  /** Scales in to nothing first, through the terminate hooks, then removes the group. */
  deleteGroup(name: string): void;
  group(name: string): Group | undefined;
}

/** EC2 Auto Scaling: its operations over groups.ts, where the behaviour lives. */
export function createAutoScaling(context: Context): AutoScaling {
  const groups = new Groups(context);
  return {
    service: {
      name: 'autoscaling',
      model,
      client: new model.AutoScalingClient({ region }),
      operations: { ...changes(groups), ...lookUps(groups) },
      limits: autoscalingLimits,
    },
    createGroup: (spec) => groups.create(spec),
    group: (name) => groups.all.get(name),
    deleteGroup(name) {
      const group = groups.all.get(name);
      if (!group) return;
      group.deleting = true;
      group.minSize = 0;
      groups.setDesired(group, 0);
      if (group.members.length === 0) groups.all.delete(name);
    },
  };
}

const invalid = (message: string) => new AwsError('ValidationError', message);

function find(groups: Groups, name: string): Group {
  const group = groups.all.get(name);
  if (!group) throw invalid(`AutoScalingGroup name not found - AutoScalingGroup: ${name} not found`);
  return group;
}

const changes = (groups: Groups): Service['operations'] => ({
  SetDesiredCapacity({ AutoScalingGroupName: name, DesiredCapacity: desired }) {
    const group = find(groups, name);
    const { minSize, maxSize } = group;
    if (desired > maxSize || desired < minSize) {
      const side = desired > maxSize ? `above max value ${maxSize}` : `below min value ${minSize}`;
      throw invalid(`New SetDesiredCapacity value ${desired} is ${side} for the AutoScalingGroup.`);
    }
    if (desired !== group.desiredCapacity) groups.setDesired(group, desired);
  },
  TerminateInstanceInAutoScalingGroup({ InstanceId: id, ShouldDecrementDesiredCapacity: decrement }) {
    for (const group of groups.all.values()) {
      const member = group.members.find((candidate) => candidate.instanceId === id && !isLeaving(candidate));
      if (!member) continue;
      if (decrement && group.desiredCapacity <= group.minSize) {
        throw invalid(
          `Currently, desiredSize equals minSize (${group.minSize}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.`,
        );
      }
      if (decrement) group.desiredCapacity -= 1;
      const cause = groups.at('an instance was taken out of service in response to a user request.');
      return { Activity: describeActivity(group, groups.terminate(group, member, cause)) };
    }
    throw invalid(`Instance Id not found - No managed instance found for instance ID: ${id}`);
  },
  CompleteLifecycleAction(input) {
    const { members } = find(groups, input.AutoScalingGroupName);
    findAction(members, input).complete(input.LifecycleActionResult);
  },
  RecordLifecycleActionHeartbeat(input) {
    findAction(find(groups, input.AutoScalingGroupName).members, input).heartbeat();
  },
});

const lookUps = (groups: Groups): Service['operations'] => ({
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
    const asked = name === undefined ? [...groups.all.values()] : [find(groups, name)];
    const found = asked.flatMap((group) =>
      group.activities
        .filter(({ id }) => !ids?.length || ids.includes(id))
        .map((activity) => describeActivity(group, activity)),
    );
    const { items, next } = page(found, input.NextToken, input.MaxRecords ?? 100, 'InvalidNextToken');
    return { Activities: items, NextToken: next };
  },
  DescribeLifecycleHooks({ AutoScalingGroupName: name, LifecycleHookNames: names }) {
    const hooks = find(groups, name).hooks.filter((hook) => !names?.length || names.includes(hook.name));
    return {
      LifecycleHooks: hooks.map((hook) => ({
        LifecycleHookName: hook.name,
        AutoScalingGroupName: name,
        LifecycleTransition: hook.transition,
        NotificationMetadata: hook.notificationMetadata,
        HeartbeatTimeout: hook.heartbeatTimeoutSeconds,
        GlobalTimeout: globalTimeoutSeconds(hook),
        DefaultResult: hook.defaultResult,
      })),
    };
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
    HealthCheckGracePeriod: 0,
    Instances: withInstances ? group.members.map((member) => describeMember(group, member)) : [],
    CreatedTime: new Date(group.createdAt),
    SuspendedProcesses: [],
    VPCZoneIdentifier: group.subnets.join(','),
    ...(group.deleting ? { Status: 'Delete in progress' } : {}),
    Tags: group.tags.map((tag) => ({
      ResourceId: group.name,
      ResourceType: 'auto-scaling-group',
      Key: tag.key,
      Value: tag.value,
      PropagateAtLaunch: tag.propagateAtLaunch,
    })),
    TerminationPolicies: ['Default'],
    NewInstancesProtectedFromScaleIn: false,
  };
}

function describeTemplate({ launchTemplate }: Group): { LaunchTemplate?: model.LaunchTemplateSpecification } {
  if (!launchTemplate) return {};
  const { id, name, version } = launchTemplate;
  return { LaunchTemplate: { LaunchTemplateId: id, LaunchTemplateName: name, Version: version } };
}

const describeMember = (group: Group, member: Member) => ({
  InstanceId: member.instanceId,
  AvailabilityZone: member.zone,
  LifecycleState: member.state as model.LifecycleState,
  HealthStatus: 'Healthy',
  ...describeTemplate(group),
  ProtectedFromScaleIn: false,
});

const describeActivity = (group: Group, activity: Activity) => ({
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
