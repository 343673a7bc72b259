import type { Context } from '../context.ts';
import { AwsError, arn, zones } from '../service.ts';
import { type Activity, announceActivity, beginActivity, endActivity } from './activities.ts';
import { type Held, type Hook, hold, release } from './lifecycle.ts';

export interface GroupSpec {
  name: string;
  minSize: number;
  maxSize: number;
  desiredCapacity: number;
  /** Defaults to the region's three. */
  zones?: readonly string[];
  subnets?: readonly string[];
  tags: { key: string; value: string; propagateAtLaunch: boolean }[];
  hooks: Hook[];
  launchTemplate?: { id: string; name: string; version: string };
}

export interface Group extends Required<Omit<GroupSpec, 'launchTemplate'>> {
  launchTemplate: GroupSpec['launchTemplate'];
  arn: string;
  createdAt: number;
  members: Member[];
  /** Newest first. */
  activities: Activity[];
  deleting: boolean;
  /** Why the capacity was changed, for the causes of the activities that follow. */
  cause: string;
  launchFailures: number;
  launchNotBefore: number;
}

export interface Member extends Held {
  zone: string;
}

const difference = 'in response to a difference between desired and actual capacity,';

export const isLeaving = ({ state }: Member): boolean => state.startsWith('Terminat');
const staying = ({ members }: Group): Member[] => members.filter((member) => !isLeaving(member));

/** How many instances stay in each of the group's zones. */
function zoneCounts(group: Group): Map<string, number> {
  const counts = new Map(group.zones.map((zone) => [zone, 0]));
  for (const { zone } of staying(group)) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return counts;
}

/** Keeps groups at their desired capacity and takes each instance through its life. */
export class Groups {
  readonly all = new Map<string, Group>();
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
    context.instances.onGone(({ instanceId }) => {
      for (const group of this.all.values()) {
        const member = staying(group).find((candidate) => candidate.instanceId === instanceId);
        if (!member) continue;
        const health = 'an EC2 health check indicating it has been terminated or stopped.';
        this.terminate(
          group,
          member,
          this.at(`an instance was taken out of service in response to ${health}`),
        );
      }
    });
  }

  create(spec: GroupSpec): Group {
    const { name, desiredCapacity } = spec;
    if (this.all.has(name)) {
      throw new AwsError('AlreadyExists', 'AutoScalingGroup by this name already exists');
    }
    const change = `changing the desired capacity from 0 to ${desiredCapacity}.  `;
    const group: Group = {
      zones,
      subnets: [],
      launchTemplate: undefined,
      ...spec,
      arn: arn('autoscaling', `autoScalingGroup:${this.context.ids.uuid()}:autoScalingGroupName/${name}`),
      createdAt: this.context.clock.now(),
      members: [],
      activities: [],
      deleting: false,
      cause: this.at(`a user request created an AutoScalingGroup ${change}`),
      launchFailures: 0,
      launchNotBefore: 0,
    };
    this.all.set(name, group);
    this.balanceSoon(group);
    return group;
  }

  setDesired(group: Group, desired: number): void {
    const change = `changing the desired capacity from ${group.desiredCapacity} to ${desired}.  `;
    group.cause += this.at(`a user request explicitly set group desired capacity ${change}`);
    group.desiredCapacity = desired;
    this.balanceSoon(group);
  }

  /** Takes an instance out of service, through the terminate hooks; the group replaces what it then lacks. */
  terminate(group: Group, member: Member, cause: string): Activity {
    const { clock, pace, instances } = this.context;
    const launch = group.activities.find(
      (a) => a.instanceId === member.instanceId && a.endedAt === undefined,
    );
    if (launch)
      endActivity(this.context, launch, 'Cancelled', 'Instance was terminated before it was in service');
    release(member);
    member.state = 'Terminating';
    const activity = beginActivity(
      this.context,
      group,
      member,
      `Terminating EC2 instance: ${member.instanceId}`,
      cause,
    );
    const proceed = async () => {
      await instances.terminate(member.instanceId);
      group.members = group.members.filter((other) => other !== member);
      endActivity(this.context, activity, 'Successful');
      announceActivity(this.context, group, activity, 'Terminate Successful');
      if (group.deleting && group.members.length === 0) this.all.delete(group.name);
    };
    clock.after(pace.scaleMs, () => {
      hold(this.context, group, member, 'autoscaling:EC2_INSTANCE_TERMINATING', () => {
        member.state = 'Terminating:Proceed';
        clock.after(pace.scaleMs, () => void proceed());
      });
      if (member.actions.length > 0) activity.statusCode = 'MidLifecycleAction';
    });
    this.balanceSoon(group);
    return activity;
  }

  at(what: string): string {
    return `At ${new Date(this.context.clock.now()).toISOString().slice(0, 19)}Z ${what}`;
  }

  private balanceSoon(group: Group): void {
    this.context.clock.after(this.context.pace.scaleMs, () => this.balance(group));
  }

  private balance(group: Group): void {
    for (let count = staying(group).length; count > group.desiredCapacity; count -= 1) {
      // The zone with the most instances gives up its oldest.
      const counts = zoneCounts(group);
      const most = Math.max(...counts.values());
      const member = staying(group).find(({ zone }) => counts.get(zone) === most)!;
      const shrinking = `${difference} shrinking the capacity from ${count} to ${count - 1}.  `;
      const cause = this.at(`an instance was taken out of service ${shrinking}`);
      const selected = this.at(`instance ${member.instanceId} was selected for termination.`);
      this.terminate(group, member, group.cause + cause + selected);
    }
    const wait = group.launchNotBefore - this.context.clock.now();
    if (staying(group).length < group.desiredCapacity && wait > 0) {
      this.context.clock.after(wait, () => this.balance(group));
      return;
    }
    for (let count = staying(group).length; count < group.desiredCapacity; count += 1) {
      const growing = `${difference} increasing the capacity from ${count} to ${count + 1}.`;
      void this.launch(group, group.cause + this.at(`an instance was started ${growing}`));
    }
    group.cause = '';
  }

  private async launch(group: Group, cause: string): Promise<void> {
    const { clock, pace, ids, instances } = this.context;
    const counts = zoneCounts(group);
    const least = Math.min(...counts.values());
    const zone = group.zones.find((candidate) => counts.get(candidate) === least)!;
    const member: Member = { instanceId: `i-0${ids.hex(16)}`, zone, state: 'Pending', actions: [] };
    group.members.push(member);
    const activity = beginActivity(
      this.context,
      group,
      member,
      `Launching a new EC2 instance: ${member.instanceId}`,
      cause,
    );
    const propagated = group.tags
      .filter((tag) => tag.propagateAtLaunch)
      .map(({ key, value }) => [key, value]);
    try {
      const tags = { ...Object.fromEntries(propagated), 'aws:autoscaling:groupName': group.name };
      await instances.launch(member.instanceId, zone, tags);
    } catch (error) {
      group.members = group.members.filter((other) => other !== member);
      this.failLaunch(
        group,
        activity,
        'Failed',
        `${(error as Error).message}.  Launching EC2 instance failed.`,
      );
      return;
    }
    if (member.state !== 'Pending') return; // It was chosen for termination meanwhile.
    hold(this.context, group, member, 'autoscaling:EC2_INSTANCE_LAUNCHING', (result, reason) => {
      if (result === 'ABANDON') {
        const message = `Instance failed to complete user's Lifecycle Action: ${reason}`;
        this.failLaunch(group, activity, 'Cancelled', message);
        const abandoned = 'an instance was taken out of service because its launch was abandoned.';
        this.terminate(group, member, this.at(abandoned));
        return;
      }
      member.state = 'Pending:Proceed';
      clock.after(pace.scaleMs, () => {
        if (member.state !== 'Pending:Proceed') return;
        member.state = 'InService';
        group.launchFailures = 0;
        endActivity(this.context, activity, 'Successful');
        announceActivity(this.context, group, activity, 'Launch Successful');
      });
    });
    if (member.actions.length > 0) activity.statusCode = 'MidLifecycleAction';
  }

  /** Launches that fail in a row are spaced ever wider. */
  private failLaunch(
    group: Group,
    activity: Activity,
    status: 'Failed' | 'Cancelled',
    message: string,
  ): void {
    const { clock, pace } = this.context;
    endActivity(this.context, activity, status, message);
    announceActivity(this.context, group, activity, 'Launch Unsuccessful');
    const backOff = Math.min(pace.launchBackOffMs * 2 ** group.launchFailures, pace.launchBackOffMaxMs);
    group.launchFailures += 1;
    group.launchNotBefore = clock.now() + backOff;
    this.balanceSoon(group);
  }
}
