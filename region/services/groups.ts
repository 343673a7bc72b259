import type { Context } from '../context.ts';
import { AwsError, arn, zones } from '../service.ts';
import { type Activity, at } from './activities.ts';
import { advanceRefresh, type InstanceRefresh, refreshOf } from './instance-refresh.ts';
import { type Hook, invalid } from './lifecycle.ts';
import { isActive, isLeaving, isPooled, type Member, Members } from './members.ts';
import { missingFromPool, type WarmPool } from './warm-pool.ts';

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
  /** For so long after it came into service an unhealthy instance isn't replaced. */
  healthGraceSeconds?: number;
  /** An instance whose terminate hook is abandoned stays, in `Terminating:Retained`. */
  retainAbandoned?: boolean;
  /** It has a mixed instances policy, which the region reads no further. */
  mixedInstances?: boolean;
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
  pool: WarmPool | undefined;
  /** Suspended processes, each with the reason. */
  suspended: Map<string, string>;
  /** Zones where a launch failed: others come first until then. */
  avoided: Map<string, number>;
  /** Instances over the desired capacity while zones are rebalanced. */
  surplus: number;
  /** Newest first. */
  refreshes: InstanceRefresh[];
}

const difference = 'in response to a difference between desired and actual capacity,';
const replacing = 'an instance was launched in response to an unhealthy instance needing to be replaced.';

/** Keeps groups and their warm pools at the size they should have. */
export class Groups {
  readonly all = new Map<string, Group>();
  readonly members: Members;
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
    this.members = new Members(context, (group) => this.balanceSoon(group));
    context.faults.onZoneDown(() =>
      context.clock.after(context.pace.impairedMs, () => {
        for (const group of this.all.values()) this.balance(group);
      }),
    );
    context.instances.onGone(({ instanceId }) => {
      for (const group of this.all.values())
        if (group.members.some((member) => member.instanceId === instanceId)) this.balanceSoon(group);
    });
  }

  create(spec: GroupSpec): Group {
    const { name, desiredCapacity } = spec;
    if (this.all.has(name)) {
      throw new AwsError('AlreadyExists', 'AutoScalingGroup by this name already exists');
    }
    const change = `changing the desired capacity from 0 to ${desiredCapacity}.  `;
    const group: Group = {
      ...{ zones, subnets: [], launchTemplate: undefined, healthGraceSeconds: 0, retainAbandoned: false },
      ...{ mixedInstances: false, refreshes: [] },
      ...spec,
      arn: arn('autoscaling', `autoScalingGroup:${this.context.ids.uuid()}:autoScalingGroupName/${name}`),
      createdAt: this.context.clock.now(),
      ...{ members: [], activities: [], deleting: false },
      cause: this.at(`a user request created an AutoScalingGroup ${change}`),
      ...{ launchFailures: 0, launchNotBefore: 0, pool: undefined, suspended: new Map(), surplus: 0 },
      avoided: new Map(),
    };
    this.all.set(name, group);
    this.balanceSoon(group);
    return group;
  }

  find(name: string): Group {
    const group = this.all.get(name);
    if (!group) throw invalid(`AutoScalingGroup name not found - AutoScalingGroup: ${name} not found`);
    return group;
  }

  /** The group of an instance that isn't on its way out. */
  findMember(instanceId: string): { group: Group; member: Member } {
    for (const group of this.all.values()) {
      const member = group.members.find((candidate) => candidate.instanceId === instanceId);
      if (member && (!isLeaving(member) || member.state.endsWith(':Retained'))) return { group, member };
    }
    throw invalid(`Instance Id not found - No managed instance found for instance ID: ${instanceId}`);
  }

  setDesired(group: Group, desired: number): void {
    const change = `changing the desired capacity from ${group.desiredCapacity} to ${desired}.  `;
    group.cause += this.at(`a user request explicitly set group desired capacity ${change}`);
    group.desiredCapacity = desired;
    this.balanceSoon(group);
  }

  /** What Auto Scaling does by itself when zones are uneven: launches first, and takes one out afterwards. */
  rebalance(group: Group): void {
    if (group.suspended.has('AZRebalance')) return;
    const zone = this.zoneFor(group, isActive);
    const what = `instances were launched to balance instances in zones ${zone} with other zones`;
    group.cause += this.at(`${what} resulting in more than desired number of instances in the group.  `);
    group.surplus += 1;
    this.balanceSoon(group);
  }

  at(what: string): string {
    return at(this.context, what);
  }

  balanceSoon(group: Group): void {
    this.context.clock.after(this.context.pace.scaleMs, () => this.balance(group));
  }

  private balance(group: Group): void {
    if (group.deleting && group.members.length === 0) {
      this.all.delete(group.name);
      return;
    }
    const terminates = !group.suspended.has('Terminate');
    const wait = group.launchNotBefore - this.context.clock.now();
    if (wait > 0) this.context.clock.after(wait, () => this.balance(group));
    const launches = !group.suspended.has('Launch') && wait <= 0;
    const replaced = terminates ? this.retireUnhealthy(group) : 0;
    advanceRefresh(this.context, this, group);
    if (terminates) this.scaleIn(group);
    if (launches) this.scaleOut(group, replaced);
    this.sizePool(group, { launches, terminates });
  }

  /** Ends what a health check or a caller found unhealthy; answers how many the group lost by it. */
  private retireUnhealthy(group: Group): number {
    let active = 0;
    const { clock, instances, faults, pace } = this.context;
    for (const member of group.members) {
      if (!isActive(member) && (!isPooled(member) || isLeaving(member))) continue;
      const state = instances.get(member.instanceId)?.state ?? 'pending';
      const up = state === 'pending' || state === 'running' || (state === 'stopped' && isPooled(member));
      const impaired = (faults.downSince(member.zone) ?? Infinity) + pace.impairedMs <= clock.now();
      if (impaired && state === 'running' && !group.suspended.has('HealthCheck'))
        member.unhealthy ??= 'an EC2 instance status check failure';
      if (!up && !group.suspended.has('HealthCheck'))
        member.unhealthy ??= 'an EC2 health check indicating it has been terminated or stopped';
      if (member.unhealthy === undefined || group.suspended.has('ReplaceUnhealthy')) continue;
      if (member.replaceAt > clock.now()) continue;
      if (isActive(member)) active += 1;
      const cause = this.at(`an instance was taken out of service in response to ${member.unhealthy}.`);
      this.members.terminate(group, member, cause);
    }
    return active;
  }

  private scaleIn(group: Group): void {
    const active = group.members.filter(isActive);
    for (let count = active.length; count > sizeOf(group); count -= 1) {
      // The zone with the most instances gives up its oldest.
      const counts = zoneCounts(group, active);
      const most = Math.max(...counts.values());
      const member = active.find(({ zone }) => counts.get(zone) === most)!;
      active.splice(active.indexOf(member), 1);
      const shrinking = `${difference} shrinking the capacity from ${count} to ${count - 1}.  `;
      const cause = this.at(`an instance was taken out of service ${shrinking}`);
      const selected = this.at(`instance ${member.instanceId} was selected for termination.`);
      const why = group.cause + cause + selected;
      // Only what has served is reused: one that was still coming in is terminated.
      const reused = member.state === 'InService' && group.pool?.reuse && !group.pool.deleting;
      if (reused) this.members.giveBack(group, member, why);
      else this.members.terminate(group, member, why);
    }
  }

  private scaleOut(group: Group, replaced: number): void {
    const before = group.members.filter(isActive).length;
    for (let count = before; count < sizeOf(group); count += 1) {
      const growing = `an instance was started ${difference} increasing the capacity from ${count} to ${count + 1}.`;
      const cause = group.cause + this.at(count - before < replaced ? replacing : growing);
      const warm = group.members.find(
        ({ state }) => state === 'Warmed:Stopped' || state === 'Warmed:Running',
      );
      if (warm) this.members.promote(group, warm, cause);
      else void this.members.launch(group, this.zoneFor(group, isActive), 'AutoScalingGroup', cause);
    }
    group.cause = '';
  }

  /** The emptiest zone of those where the last launches worked, or of all where none is left. */
  private zoneFor(group: Group, counted: (member: Member) => boolean): string {
    const counts = zoneCounts(group, group.members.filter(counted));
    const works = (zone: string) => (group.avoided.get(zone) ?? 0) <= this.context.clock.now();
    const candidates = group.zones.some(works) ? group.zones.filter(works) : group.zones;
    return candidates.toSorted((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0))[0]!;
  }

  private sizePool(group: Group, { launches, terminates }: { launches: boolean; terminates: boolean }): void {
    const pooled = group.members.filter(isPooled);
    if (group.pool?.deleting && pooled.length === 0) group.pool = undefined;
    const staying = pooled.filter((member) => !isLeaving(member) && !member.state.endsWith(':Retained'));
    const missing = missingFromPool(group, staying.length);
    const cause = this.at(`the warm pool is changed by ${missing} to the size that it should have.`);
    for (let count = 0; launches && count < missing; count += 1)
      void this.members.launch(group, this.zoneFor(group, isPooled), 'WarmPool', cause);
    for (const member of terminates && missing < 0 ? staying.slice(missing) : [])
      this.members.terminate(group, member, cause);
  }
}

/** How many active instances it should have at the moment. */
function sizeOf(group: Group): number {
  return group.desiredCapacity + group.surplus + (refreshOf(group)?.extra ?? 0);
}

/** How many of these instances are in each of the group's zones. */
function zoneCounts(group: Group, members: Member[]): Map<string, number> {
  const counts = new Map(group.zones.map((zone) => [zone, 0]));
  for (const { zone } of members) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return counts;
}
