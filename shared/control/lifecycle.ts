import * as v from 'valibot';
import type { Group } from '../aws/groups.ts';
import { concerns } from '../decisions/terminating.ts';
import { type Engine, fleetTag, isFleetName } from './engine.ts';
import { type Ended, run } from './run.ts';

/** `EC2 Instance-launch|-terminate Lifecycle Action`, as EventBridge sends it (Auto Scaling user guide). */
const LifecycleEvent = v.object({
  time: v.string(),
  detail: v.object({
    AutoScalingGroupName: v.string(),
    LifecycleHookName: v.string(),
    EC2InstanceId: v.string(),
    LifecycleTransition: v.string(),
  }),
});

export interface Ignored {
  ignored: string;
}

/** An event that asks for nothing here says why in one line of the log. */
export function ignored({ log }: Engine, reason: string): Ignored {
  log('event ignored', { reason });
  return { ignored: reason };
}

/**
 * Looks where a lifecycle event points. The event gives identity and time, never content to trust: a
 * duplicate, late, foreign or malformed one finds nothing to do and says why in one line.
 */
export async function follow(
  engine: Engine,
  transition: 'launch' | 'terminate',
  event: unknown,
  until: number,
): Promise<Ended | Ignored> {
  const ignore = (reason: string) => ignored(engine, reason);
  const parsed = v.safeParse(LifecycleEvent, event);
  if (!parsed.success) return ignore('it is no lifecycle event');
  const { detail, time } = parsed.output;
  const { AutoScalingGroupName, LifecycleHookName, EC2InstanceId } = detail;
  const hook = `${engine.prefix}-${transition}`;
  if (LifecycleHookName !== hook) return ignore(`its hook is ${LifecycleHookName}, not ${hook}`);
  const at = Date.parse(time);
  const age = engine.clock.now() - at;
  const looks = age < engine.timing.sweepMs ? looksMax : 1;
  const group = await lookFor(engine, transition, AutoScalingGroupName, EC2InstanceId, looks);
  if (group === null) return ignore(`there is no group ${AutoScalingGroupName}`);
  const fleet = group.tags[fleetTag(engine.prefix)];
  if (fleet === undefined) return ignore(`group ${group.name} is not tagged ${fleetTag(engine.prefix)}`);
  if (!isFleetName(fleet)) return ignore(`${fleet} is no name of a fleet`);
  const instance = group.instances.find(({ id }) => id === EC2InstanceId);
  if (instance === undefined) return ignore(`${EC2InstanceId} is not in group ${group.name} any more`);
  if (!concerns(transition, instance.lifecycle))
    return ignore(`${EC2InstanceId} is ${instance.lifecycle}: its ${transition} is over`);
  // A storm is a batch: what is read for one of many would be read again by each of them.
  const waiting = group.instances.filter(({ lifecycle }) => lifecycle.endsWith(':Wait')).length;
  if (waiting >= engine.timing.stormInstances)
    return ignore(`${waiting} instances of ${group.name} wait: the sweep brings them along together`);
  // An old event may be of an earlier coming or going of the same machine, and would spend budgets that have
  // only just begun. Without its time nothing is given up in this run; the sweep counts from the activity.
  const startedAt = age < engine.timing.agentBudgetMs ? at : null;
  const scope = { kind: 'instance', instance: EC2InstanceId, transition } as const;
  return run(engine, { fleet, scope, group, startedAt, deletedAt: null }, until);
}

/** How often, and seconds apart, an instance is looked for that should be there. */
const looksMax = 4;

/** States in which a read that is a moment old may still show the instance. */
const before = {
  launch: /^(|(Warmed:)?Pending|RootVolumeReplaced)$/,
  terminate: /^(InService|Standby|(Warmed:)?(Pending|Terminating)|ReplacingRootVolume)$/,
};

/** An event may be faster than what describes its instance; what shows only later is the sweep's. */
async function lookFor(
  { aws, clock, timing }: Engine,
  transition: 'launch' | 'terminate',
  name: string,
  id: string,
  looks: number,
): Promise<Group | null> {
  for (let look = 1; ; look++) {
    const group = await aws.groups.named(name);
    const lifecycle = group?.instances.find((instance) => instance.id === id)?.lifecycle ?? '';
    if (group === null || look >= looks || !before[transition].test(lifecycle)) return group;
    await clock.sleep(timing.pollMs / 5);
  }
}
