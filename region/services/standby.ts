import type { Service } from '../service.ts';
import { describeActivity } from './autoscaling-described.ts';
import type { Groups } from './groups.ts';
import { invalid } from './lifecycle.ts';
import { isActive, type Move } from './members.ts';

interface Wish extends Move {
  from: string[];
  /** How each instance changes the desired capacity. */
  by: -1 | 0 | 1;
  /** In the cause, and in a refusal. */
  done: string;
  purpose: string;
}

/** What takes instances out of the group's hands, for a while or for good. None of it runs a hook. */
export const standbyOperations = (groups: Groups): Service['operations'] => ({
  EnterStandby: (input) =>
    move(groups, input, {
      ...{ from: ['InService'], by: input.ShouldDecrementDesiredCapacity ? -1 : 0 },
      ...{ what: 'Moving EC2 instance to Standby', through: 'EnteringStandby', to: 'Standby' },
      ...{ done: 'was moved to standby', purpose: 'place into standby' },
    }),
  ExitStandby(input) {
    if (groups.find(input.AutoScalingGroupName).suspended.has('Launch'))
      throw invalid('The Launch process of the group is suspended.');
    return move(groups, input, {
      ...{ from: ['Standby'], by: 1 },
      ...{ what: 'Moving EC2 instance out of Standby', through: 'Pending', to: 'InService' },
      ...{ done: 'was moved out of standby', purpose: 'place into service' },
    });
  },
  DetachInstances: (input) =>
    move(groups, input, {
      // A retained instance counts for nothing, so it can't take any capacity along.
      from: [
        'InService',
        'Standby',
        ...(input.ShouldDecrementDesiredCapacity ? [] : ['Terminating:Retained']),
      ],
      by: input.ShouldDecrementDesiredCapacity ? -1 : 0,
      ...{ what: 'Detaching EC2 instance', through: 'Detaching', to: 'Detached' },
      ...{ done: 'was detached', purpose: 'detach' },
    }),
});

/** All of the instances or none: one in another state spoils the call. */
function move(
  groups: Groups,
  {
    AutoScalingGroupName: name,
    InstanceIds: ids = [],
  }: { AutoScalingGroupName: string; InstanceIds?: string[] },
  wish: Wish,
) {
  const group = groups.find(name);
  const moves = ids.map((id) => {
    const member = group.members.find(({ instanceId }) => instanceId === id);
    if (!member) throw invalid(`The instance ${id} is not part of Auto Scaling group ${name}.`);
    if (!wish.from.includes(member.state))
      throw invalid(`The instance ${id} is not in ${wish.from.slice(0, 2).join(' or ')}.`);
    return { member, by: wish.by < 0 && !isActive(member) ? 0 : wish.by };
  });
  const { minSize, maxSize, desiredCapacity } = group;
  const wanted = moves.reduce((sum, { by }) => sum + by, desiredCapacity);
  if (wanted < minSize || wanted > maxSize) {
    const sizes = `min-size=${minSize}, max-size=${maxSize}, and desired-size=${desiredCapacity}`;
    const instances = `${ids.length} instance${ids.length === 1 ? '' : 's'}`;
    throw invalid(
      `AutoScalingGroup ${name} has ${sizes}. To ${wish.purpose} ${instances}, please update the AutoScalingGroup sizes appropriately.`,
    );
  }
  const activities = moves.map(({ member, by }) => {
    const before = group.desiredCapacity;
    group.desiredCapacity += by;
    const capacity = `${by < 0 ? 'shrinking' : 'increasing'} the capacity from ${before} to ${before + by}`;
    const request = `${wish.done} in response to a user request${by === 0 ? '' : `, ${capacity}`}.`;
    return groups.members.move(group, member, wish, groups.at(`instance ${member.instanceId} ${request}`));
  });
  return { Activities: activities.map((activity) => describeActivity(group, activity)) };
}
