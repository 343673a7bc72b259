import * as model from '@aws-sdk/client-auto-scaling';
import type { Context } from '../context.ts';
import { region, type Service } from '../service.ts';
import { describeActivity, lookUps } from './autoscaling-described.ts';
import { autoscalingLimits, processes } from './autoscaling-limits.ts';
import { groupTagOperations } from './group-tags.ts';
import { type Group, type GroupSpec, Groups } from './groups.ts';
import { instanceRefreshOperations } from './instance-refresh.ts';
import { invalid } from './lifecycle.ts';
import { lifecycleHookOperations } from './lifecycle-hooks.ts';
import { isActive, isPooled } from './members.ts';
import { standbyOperations } from './standby.ts';
import { putWarmPool, warmPoolOperations } from './warm-pool.ts';

export interface AutoScaling {
  service: Service;
  createGroup(spec: GroupSpec): Group;
  /** As the operation PutWarmPool does. */
  putWarmPool(input: Partial<model.PutWarmPoolType>): void;
  /** Scales in to nothing first, through the terminate hooks, then removes the group. */
  deleteGroup(name: string): void;
  /** Its instances leave through the terminate hooks; safe twice. */
  deleteWarmPool(name: string): void;
  group(name: string): Group | undefined;
  /** Rebalances a group's zones as Auto Scaling does by itself: launches one, then terminates another. */
  rebalance(name: string): void;
}

/** EC2 Auto Scaling: its operations over groups.ts, where the behaviour lives. */
export function createAutoScaling(context: Context): AutoScaling {
  const groups = new Groups(context);
  return {
    service: {
      name: 'autoscaling',
      model,
      client: new model.AutoScalingClient({ region }),
      operations: {
        ...capacityOperations(context, groups),
        ...lifecycleHookOperations(groups),
        ...standbyOperations(groups),
        ...warmPoolOperations(groups),
        ...groupTagOperations(groups),
        ...instanceRefreshOperations(context, groups),
        ...lookUps(groups),
      },
      limits: autoscalingLimits,
    },
    createGroup: (spec) => groups.create(spec),
    group: (name) => groups.all.get(name),
    putWarmPool: (input) => putWarmPool(groups, input),
    rebalance: (name) => groups.rebalance(groups.find(name)),
    deleteWarmPool(name) {
      const group = groups.all.get(name);
      if (!group?.pool) return;
      group.pool.deleting = true;
      groups.balanceSoon(group);
    },
    deleteGroup(name) {
      const group = groups.all.get(name);
      if (!group) return;
      Object.assign(group, { deleting: true, minSize: 0, retainAbandoned: false });
      group.suspended.clear();
      if (group.pool) group.pool.deleting = true;
      // Those that the capacity doesn't count: in standby, or retained.
      for (const member of group.members) {
        const counted =
          isActive(member) || isPooled(member) || /^Terminating(?!:Retained)/.test(member.state);
        if (!counted) groups.members.terminate(group, member, groups.at('a user request deleted the group.'));
      }
      groups.setDesired(group, 0);
      if (group.members.length === 0) groups.all.delete(name);
    },
  };
}

const capacityOperations = ({ clock }: Context, groups: Groups): Service['operations'] => ({
  SetDesiredCapacity({ AutoScalingGroupName: name, DesiredCapacity: desired }) {
    const group = groups.find(name);
    const { minSize, maxSize } = group;
    if (desired > maxSize || desired < minSize) {
      const side = desired > maxSize ? `above max value ${maxSize}` : `below min value ${minSize}`;
      throw invalid(`New SetDesiredCapacity value ${desired} is ${side} for the AutoScalingGroup.`);
    }
    if (desired !== group.desiredCapacity) groups.setDesired(group, desired);
  },
  TerminateInstanceInAutoScalingGroup({ InstanceId: id, ShouldDecrementDesiredCapacity: decrement }) {
    const { group, member } = groups.findMember(id);
    if (decrement && !isActive(member) && member.state !== 'Standby')
      throw invalid(`The instance ${id} is ${member.state}: it can't decrement the desired capacity.`);
    if (decrement && group.desiredCapacity <= group.minSize) {
      throw invalid(
        `Currently, desiredSize equals minSize (${group.minSize}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.`,
      );
    }
    if (decrement && isActive(member)) group.desiredCapacity -= 1;
    const cause = groups.at('an instance was taken out of service in response to a user request.');
    return { Activity: describeActivity(group, groups.members.terminate(group, member, cause)) };
  },
  SetInstanceHealth({ InstanceId: id, HealthStatus: health, ShouldRespectGracePeriod: respect = true }) {
    const { group, member } = groups.findMember(id);
    member.unhealthy = health === 'Unhealthy' ? 'a user health-check' : undefined;
    member.replaceAt = respect ? member.inServiceAt + group.healthGraceSeconds * 1000 : 0;
    clock.after(Math.max(0, member.replaceAt - clock.now()), () => groups.balanceSoon(group));
  },
  SuspendProcesses({ AutoScalingGroupName: name, ScalingProcesses: named }) {
    const { suspended } = groups.find(name);
    const now = new Date(clock.now()).toISOString().slice(0, 19);
    for (const process of named?.length ? named : processes)
      if (!suspended.has(process)) suspended.set(process, `User suspended at ${now}Z`);
  },
  ResumeProcesses({ AutoScalingGroupName: name, ScalingProcesses: named }) {
    const group = groups.find(name);
    for (const process of named?.length ? named : processes) group.suspended.delete(process);
    groups.balanceSoon(group);
  },
});
