import type * as model from '@aws-sdk/client-auto-scaling';
import { AwsError, type Service } from '../service.ts';
import type { Groups } from './groups.ts';
import {
  findAction,
  globalTimeoutSeconds,
  type Hook,
  invalid,
  type Result,
  type Transition,
} from './lifecycle.ts';

const hooksMax = 50;

export const lifecycleHookOperations = (groups: Groups): Service['operations'] => ({
  PutLifecycleHook(input: model.PutLifecycleHookType) {
    const group = groups.find(input.AutoScalingGroupName!);
    const name = input.LifecycleHookName!;
    const known = group.hooks.find((hook) => hook.name === name);
    const transition = (input.LifecycleTransition as Transition | undefined) ?? known?.transition;
    if (!transition) throw invalid('A lifecycle transition is required for a new lifecycle hook.');
    const hook: Hook = {
      ...known,
      name,
      transition,
      heartbeatTimeoutSeconds: input.HeartbeatTimeout ?? known?.heartbeatTimeoutSeconds ?? 3600,
      defaultResult: (input.DefaultResult as Result | undefined) ?? known?.defaultResult ?? 'ABANDON',
      ...(input.NotificationMetadata !== undefined && { notificationMetadata: input.NotificationMetadata }),
    };
    const others = group.hooks.filter((other) => other !== known);
    if (others.length >= hooksMax)
      throw new AwsError('LimitExceeded', `A group can't have more than ${hooksMax} lifecycle hooks.`);
    group.hooks = [...others, hook];
  },
  DeleteLifecycleHook({ AutoScalingGroupName: groupName, LifecycleHookName: name }) {
    const group = groups.find(groupName);
    const hook = group.hooks.find((candidate) => candidate.name === name);
    if (!hook) throw invalid(`No Lifecycle Hook found with name ${name}`);
    group.hooks = group.hooks.filter((other) => other !== hook);
    // What it still holds is let go: a launch is given up, a termination goes on.
    const result = hook.transition === 'autoscaling:EC2_INSTANCE_LAUNCHING' ? 'ABANDON' : 'CONTINUE';
    for (const { actions } of group.members)
      for (const action of actions) if (action.hook.name === name) action.complete(result);
  },
  DescribeLifecycleHooks({ AutoScalingGroupName: name, LifecycleHookNames: names }) {
    const hooks = groups.find(name).hooks.filter((hook) => !names?.length || names.includes(hook.name));
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
  CompleteLifecycleAction(input) {
    const { members } = groups.find(input.AutoScalingGroupName);
    findAction(members, input).complete(input.LifecycleActionResult);
  },
  RecordLifecycleActionHeartbeat(input) {
    findAction(groups.find(input.AutoScalingGroupName).members, input).heartbeat();
  },
});
