import type { Context } from '../context.ts';
import {
  type Activity,
  announceActivity,
  at,
  beginActivity,
  endActivity,
  suspendActivity,
} from './activities.ts';
import type { Group } from './groups.ts';
import { type Held, hold, isLaunching, type Journey, release } from './lifecycle.ts';

export interface Member extends Held {
  zone: string;
  /** What was found to be wrong with it, in the words of its termination's cause. */
  unhealthy: string | undefined;
  /** Milliseconds since the epoch; an unhealthy one isn't replaced before. */
  replaceAt: number;
  inServiceAt: number;
}

export const isPooled = ({ state }: Member): boolean => state.startsWith('Warmed:');
export const isLeaving = ({ state }: Member): boolean => state.includes('Terminating');
/** Those that the desired capacity counts. */
export const isActive = ({ state }: Member): boolean => /^(Pending|InService$|.*RootVolume)/.test(state);

/** Where a launch has failed others are tried first for so long; how long AWS does is not documented. */
const zoneAvoidedMs = 300_000;

/** What an activity says, and the states through which and to which an instance goes. */
export interface Move {
  what: string;
  through: string;
  to: 'Standby' | 'InService' | 'Detached';
}

const inPlace = { origin: 'AutoScalingGroup', destination: 'AutoScalingGroup' } as const;

interface Passage {
  group: Group;
  member: Member;
  activity: Activity;
  journey: Journey;
  /** The member's as long as it is on its way: `Pending`, `Warmed:Terminating`, … */
  state: string;
}

/** Takes single instances through their lives: into the group or its warm pool, between the two, and out. */
export class Members {
  private readonly context: Context;
  /** Told when a group has other instances than before. */
  private readonly changed: (group: Group) => void;

  constructor(context: Context, changed: (group: Group) => void) {
    this.context = context;
    this.changed = changed;
  }

  async launch(
    group: Group,
    zone: string,
    to: 'AutoScalingGroup' | 'WarmPool',
    cause: string,
  ): Promise<void> {
    const { ids, instances } = this.context;
    const member: Member = {
      ...{ instanceId: `i-0${ids.hex(16)}`, zone, state: '', actions: [] },
      ...{ unhealthy: undefined, replaceAt: 0, inServiceAt: 0 },
    };
    group.members.push(member);
    const what = `Launching a new EC2 instance${to === 'WarmPool' ? ' into warm pool' : ''}`;
    const passage = this.begin(group, member, { origin: 'EC2', destination: to }, what, cause);
    const propagated = group.tags
      .filter((tag) => tag.propagateAtLaunch)
      .map(({ key, value }) => [key, value]);
    try {
      const tags = { ...Object.fromEntries(propagated), 'aws:autoscaling:groupName': group.name };
      await instances.launch(member.instanceId, zone, tags, group.launchTemplate?.id);
    } catch (error) {
      group.members = group.members.filter((other) => other !== member);
      group.avoided.set(zone, this.context.clock.now() + zoneAvoidedMs);
      this.fail(passage, 'Failed', `${(error as Error).message}.  Launching EC2 instance failed.`);
      return;
    }
    this.pass(passage);
  }

  /** Out of the warm pool and into the group, with the disk it had; a stopped one is started. */
  promote(group: Group, member: Member, cause: string): void {
    const journey: Journey = { origin: 'WarmPool', destination: 'AutoScalingGroup' };
    const what = 'Launching a new EC2 instance from warm pool';
    const passage = this.begin(group, member, journey, what, cause);
    this.context.instances.start(member.instanceId);
    this.pass(passage);
  }

  /** Out of the group and into the warm pool, through the terminate hooks. */
  giveBack(group: Group, member: Member, cause: string): void {
    const journey: Journey = { origin: 'AutoScalingGroup', destination: 'WarmPool' };
    this.pass(this.begin(group, member, journey, 'Returning EC2 instance to warm pool', cause));
  }

  /** An instance stays and gets a new disk: out of service by the terminate hooks, back into it by the launch hooks. */
  replaceRootVolume(group: Group, member: Member, cause: string): void {
    const journey: Journey = { ...inPlace, rootVolume: 'before' };
    this.pass(this.begin(group, member, journey, 'Replacing the root volume of EC2 instance', cause));
    this.changed(group);
  }

  /** Takes an instance out of service, through the terminate hooks; the group replaces what it then lacks. */
  terminate(group: Group, member: Member, cause: string): Activity {
    const { clock, pace } = this.context;
    const origin = isPooled(member) ? 'WarmPool' : 'AutoScalingGroup';
    const journey: Journey = { origin, destination: 'EC2' };
    const passage = this.begin(group, member, journey, 'Terminating EC2 instance', cause);
    clock.after(pace.scaleMs, () => this.pass(passage));
    this.changed(group);
    return passage.activity;
  }

  /** A change that runs no hook: to standby and back, or out of the group, which the instance survives. */
  move(group: Group, member: Member, { what, through, to }: Move, cause: string): Activity {
    const { clock, pace, instances } = this.context;
    const activity = beginActivity(this.context, group, member, what, cause);
    member.state = through;
    clock.after(pace.scaleMs, () => {
      if (member.state !== through) return;
      member.state = to;
      if (to === 'Detached') {
        group.members = group.members.filter((other) => other !== member);
        delete instances.get(member.instanceId)?.tags['aws:autoscaling:groupName'];
      }
      endActivity(this.context, activity, 'Successful');
      this.changed(group);
    });
    this.changed(group);
    return activity;
  }

  /** Ends whatever an instance was in the middle of, and sets it on its way. */
  private begin(group: Group, member: Member, journey: Journey, what: string, cause: string): Passage {
    const { instanceId } = member;
    const open = group.activities.find((a) => a.instanceId === instanceId && a.endedAt === undefined);
    if (open)
      endActivity(this.context, open, 'Cancelled', 'Instance was terminated before it was in service');
    release(member);
    const pooled = journey.destination === 'WarmPool' || (journey.destination === 'EC2' && isPooled(member));
    const way = journey.destination === 'EC2' ? 'Terminating' : 'Pending';
    const state =
      journey.rootVolume === 'before' ? 'ReplacingRootVolume' : `${pooled ? 'Warmed:' : ''}${way}`;
    member.state = state;
    const activity = beginActivity(this.context, group, member, what, cause, journey);
    return { group, member, activity, journey, state };
  }

  /** Holds one where it goes, for as long as hooks want, and lets it go on. */
  private pass(passage: Passage): void {
    const { group, member, activity, journey, state } = passage;
    const { clock, pace } = this.context;
    if (member.state !== state) return; // It was chosen for termination meanwhile.
    hold(this.context, group, member, journey, (result, reason) => {
      const message = `Instance failed to complete user's Lifecycle Action: ${reason}`;
      if (result === 'ABANDON' && isLaunching(journey)) {
        this.fail(passage, 'Cancelled', message);
        const abandoned = 'an instance was taken out of service because its launch was abandoned.';
        this.terminate(group, member, at(this.context, abandoned));
      } else if (result === 'ABANDON' && group.retainAbandoned && !journey.rootVolume) {
        member.state = `${state}:Retained`;
        endActivity(this.context, activity, 'Cancelled', message);
        this.changed(group);
      } else {
        member.state = `${state}:Proceed`;
        clock.after(pace.scaleMs, () => void this.finish(passage));
      }
    });
    if (member.actions.length > 0) suspendActivity(activity);
  }

  private async finish({ group, member, activity, journey, state }: Passage): Promise<void> {
    const { clock, instances, pace } = this.context;
    const { destination } = journey;
    if (member.state !== `${state}:Proceed`) return;
    const pooled = group.pool?.state ?? 'Stopped';
    if (destination === 'EC2') await instances.terminate(member.instanceId);
    if (destination === 'WarmPool' && pooled === 'Stopped') await instances.stop(member.instanceId);
    if (journey.rootVolume === 'before') await instances.replaceRootVolume(member.instanceId);
    if (member.state !== `${state}:Proceed`) return;
    if (journey.rootVolume === 'before') {
      member.state = 'RootVolumeReplaced';
      endActivity(this.context, activity, 'Successful');
      clock.after(pace.scaleMs, () => {
        if (member.state !== 'RootVolumeReplaced') return;
        const back: Journey = { ...inPlace, rootVolume: 'after' };
        const what = 'Returning EC2 instance to service after its root volume was replaced';
        this.pass(this.begin(group, member, back, what, activity.cause));
      });
      return;
    }
    if (destination === 'EC2') group.members = group.members.filter((other) => other !== member);
    else {
      member.state = destination === 'WarmPool' ? `Warmed:${pooled}` : 'InService';
      member.inServiceAt = clock.now();
      group.launchFailures = 0;
      if (destination === 'AutoScalingGroup') group.surplus = Math.max(0, group.surplus - 1);
    }
    endActivity(this.context, activity, 'Successful');
    const what = isLaunching(journey) ? 'Launch Successful' : 'Terminate Successful';
    announceActivity(this.context, group, activity, what);
    this.changed(group);
  }

  /** Launches that fail in a row are spaced ever wider. */
  private fail({ group, activity }: Passage, status: 'Failed' | 'Cancelled', message: string): void {
    const { clock, pace } = this.context;
    endActivity(this.context, activity, status, message);
    announceActivity(this.context, group, activity, 'Launch Unsuccessful');
    const backOff = Math.min(pace.launchBackOffMs * 2 ** group.launchFailures, pace.launchBackOffMaxMs);
    group.launchFailures += 1;
    group.launchNotBefore = clock.now() + backOff;
    this.changed(group);
  }
}
