import type { Context } from '../context.ts';
import { arn } from '../service.ts';
import type { Group, Member } from './groups.ts';

/** A scaling activity: what people and callers see of one launch or one termination. */
export interface Activity {
  id: string;
  instanceId: string;
  description: string;
  cause: string;
  startedAt: number;
  endedAt: number | undefined;
  statusCode: 'InProgress' | 'MidLifecycleAction' | 'Successful' | 'Failed' | 'Cancelled';
  statusMessage: string | undefined;
  progress: number;
  zone: string;
}

const activitiesMax = 2_000;

export function beginActivity(
  { clock, ids }: Context,
  group: Group,
  member: Member,
  description: string,
  cause: string,
): Activity {
  const activity: Activity = {
    id: ids.uuid(),
    instanceId: member.instanceId,
    description,
    cause,
    startedAt: clock.now(),
    endedAt: undefined,
    statusCode: 'InProgress',
    statusMessage: undefined,
    progress: 50,
    zone: member.zone,
  };
  group.activities.unshift(activity);
  group.activities.length = Math.min(group.activities.length, activitiesMax);
  return activity;
}

export function endActivity(
  { clock }: Context,
  activity: Activity,
  statusCode: Activity['statusCode'],
  statusMessage?: string,
): void {
  Object.assign(activity, { statusCode, statusMessage, endedAt: clock.now(), progress: 100 });
}

export function announceActivity(
  { publish }: Context,
  group: Group,
  activity: Activity,
  what: 'Launch Successful' | 'Launch Unsuccessful' | 'Terminate Successful',
): void {
  publish({
    source: 'aws.autoscaling',
    'detail-type': `EC2 Instance ${what}`,
    resources: [group.arn, arn('ec2', `instance/${activity.instanceId}`)],
    detail: {
      StatusCode: activity.statusCode === 'Successful' ? 'InProgress' : 'Failed',
      Description: activity.description,
      AutoScalingGroupName: group.name,
      ActivityId: activity.id,
      Details: { 'Availability Zone': activity.zone },
      RequestId: activity.id,
      StatusMessage: activity.statusMessage ?? '',
      StartTime: new Date(activity.startedAt).toISOString(),
      EndTime: new Date(activity.endedAt ?? activity.startedAt).toISOString(),
      EC2InstanceId: activity.instanceId,
      Cause: activity.cause,
    },
  });
}
