import type { Context } from '../context.ts';
import { AwsError } from '../service.ts';

export type Transition = 'autoscaling:EC2_INSTANCE_LAUNCHING' | 'autoscaling:EC2_INSTANCE_TERMINATING';
export type Result = 'CONTINUE' | 'ABANDON';
export type Place = 'EC2' | 'AutoScalingGroup' | 'WarmPool';

export interface Hook {
  name: string;
  transition: Transition;
  heartbeatTimeoutSeconds: number;
  defaultResult: Result;
  notificationMetadata?: string;
}

/** From where to where an instance goes; events and activities name both. */
export interface Journey {
  origin: Place;
  destination: Place;
  /** Of an instance that stays: before its root volume is replaced, and after. */
  rootVolume?: 'before' | 'after';
}

/** One hook's hold on one instance. Gone from its instance once it is completed or has expired. */
export interface LifecycleAction {
  token: string;
  hook: Hook;
  /** Restarts the hook's time-out. */
  heartbeat(): void;
  complete(result: Result): void;
  cancel(): void;
}

export interface Held {
  instanceId: string;
  state: string;
  actions: LifecycleAction[];
}

export const invalid = (message: string): AwsError => new AwsError('ValidationError', message);

/**
 * Whether the launch hooks hold it. One on its way from the group into its pool is held by the terminate hooks, as is
 * one whose root volume is about to be replaced (user guide, "Use lifecycle hooks with replace root volume").
 */
export const isLaunching = ({ origin, destination, rootVolume }: Journey): boolean =>
  rootVolume === 'after' || (destination !== 'EC2' && origin !== 'AutoScalingGroup');

/**
 * Holds an instance for every hook of its journey's transition, all at once, and tells when and how it ended.
 * One ABANDON ends the others' hold as well. The instance waits in its state's own `:Wait`.
 */
export function hold(
  context: Context,
  group: { name: string; arn: string; hooks: Hook[] },
  held: Held,
  journey: Journey,
  done: (result: Result, reason: string) => void,
): void {
  const word = isLaunching(journey) ? 'launch' : 'terminate';
  const transition: Transition = `autoscaling:EC2_INSTANCE_${word === 'launch' ? 'LAUNCHING' : 'TERMINATING'}`;
  const hooks = group.hooks.filter((hook) => hook.transition === transition);
  if (hooks.length === 0) {
    done('CONTINUE', '');
    return;
  }
  held.state = `${held.state}:Wait`;
  const end = (action: LifecycleAction, result: Result, how: string) => {
    action.cancel();
    held.actions = held.actions.filter((other) => other !== action);
    if (result === 'ABANDON') release(held);
    if (held.actions.length === 0) done(result, `Lifecycle Action with token ${action.token} was ${how}`);
  };
  held.actions = hooks.map((hook) => startAction(context, hook, end));
  for (const { token, hook } of held.actions) {
    context.publish({
      source: 'aws.autoscaling',
      'detail-type': `EC2 Instance-${word} Lifecycle Action`,
      resources: [group.arn],
      detail: {
        LifecycleActionToken: token,
        AutoScalingGroupName: group.name,
        LifecycleHookName: hook.name,
        EC2InstanceId: held.instanceId,
        LifecycleTransition: transition,
        ...(hook.notificationMetadata === undefined
          ? {}
          : { NotificationMetadata: hook.notificationMetadata }),
        Origin: journey.origin,
        Destination: journey.destination,
        ...(journey.rootVolume && { Action: 'ReplaceRootVolume' }),
      },
    });
  }
}

/** Lets go of an instance without completing anything. */
export function release(held: Held): void {
  for (const action of held.actions) action.cancel();
  held.actions = [];
}

/** The action a caller means by its token or by its instance's id. */
export function findAction(
  members: Held[],
  request: { LifecycleHookName: string; LifecycleActionToken?: string; InstanceId?: string },
): LifecycleAction {
  const { LifecycleActionToken: token, InstanceId: instanceId } = request;
  if (token === undefined && instanceId === undefined) {
    throw invalid('Either a lifecycle action token or an instance ID must be specified');
  }
  for (const member of members) {
    if (instanceId !== undefined && member.instanceId !== instanceId) continue;
    for (const action of member.actions) {
      if (action.hook.name !== request.LifecycleHookName) continue;
      if (token === undefined || action.token === token) return action;
    }
  }
  const named = token === undefined ? `instance ID ${instanceId}` : `token ${token}`;
  throw invalid(`No active Lifecycle Action found with ${named}`);
}

/** The longest that heartbeats can hold an instance. */
export const globalTimeoutSeconds = (hook: Hook): number =>
  Math.min(48 * 3600, 100 * hook.heartbeatTimeoutSeconds);

function startAction(
  context: Context,
  hook: Hook,
  end: (action: LifecycleAction, result: Result, how: string) => void,
): LifecycleAction {
  const { clock } = context;
  const lastMoment = clock.now() + globalTimeoutSeconds(hook) * 1000;
  let stop = () => {};
  const action: LifecycleAction = {
    token: context.ids.uuid(),
    hook,
    heartbeat() {
      stop();
      const ms = Math.min(hook.heartbeatTimeoutSeconds * 1000, lastMoment - clock.now());
      stop = clock.after(ms, () => end(action, hook.defaultResult, 'abandoned: Heartbeat Timeout Elapsed'));
    },
    complete: (result) => end(action, result, `completed with ${result} Result`),
    cancel: () => stop(),
  };
  action.heartbeat();
  return action;
}
