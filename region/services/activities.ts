import type { Context } from '../context.ts';
import { arn } from '../service.ts';
import type { Group } from './groups.ts';
import type { Journey } from './lifecycle.ts';
import type { Member } from './members.ts';

/** A scaling activity: what people and callers see of one launch or one termination. */
export interface Activity {
  id: string;
  instanceId: string;
  description: string;
  cause: string;
  startedAt: number;
  endedAt: number | undefined;
  statusCode:
    | 'PreInService'
    | 'InProgress'
    | 'MidLifecycleAction'
    | 'MidTerminatingLifecycleAction'
    | 'Successful'
    | 'Failed'
    | 'Cancelled';
  statusMessage: string | undefined;
  progress: number;
  zone: string;
  /** Undefined for what runs no hook: standby and detaching. */
  journey: Journey | undefined;
}

const activitiesMax = 2_000;

/** A sentence of a cause, as Auto Scaling begins each of them. */
export const at = ({ clock }: Context, what: string): string =>
  `At ${new Date(clock.now()).toISOString().slice(0, 19)}Z ${what}`;

export function beginActivity(
  { clock, ids }: Context,
  group: Group,
  member: Member,
  what: string,
  cause: string,
  journey?: Journey,
): Activity {
  const terminates = journey === undefined || journey.destination === 'EC2';
  const activity: Activity = {
    id: ids.uuid(),
    instanceId: member.instanceId,
    description: `${what}: ${member.instanceId}`,
    cause,
    startedAt: clock.now(),
    endedAt: undefined,
    statusCode: terminates ? 'InProgress' : 'PreInService',
    statusMessage: undefined,
    progress: terminates ? 50 : 30,
    zone: member.zone,
    journey,
  };
  group.activities.unshift(activity);
  group.activities.length = Math.min(group.activities.length, activitiesMax);
  return activity;
}

/** A hook holds the instance. */
export function suspendActivity(activity: Activity): void {
  const terminates = activity.journey?.destination === 'EC2';
  activity.statusCode = terminates ? 'MidTerminatingLifecycleAction' : 'MidLifecycleAction';
  activity.progress = terminates ? 60 : 40;
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
      Origin: activity.journey?.origin,
      Destination: activity.journey?.destination,
    },
  });
}
