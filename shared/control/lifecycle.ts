import * as v from 'valibot';
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
  const ignore = (ignored: string): Ignored => {
    engine.log('event ignored', { reason: ignored });
    return { ignored };
  };
  const parsed = v.safeParse(LifecycleEvent, event);
  if (!parsed.success) return ignore('it is no lifecycle event');
  const { detail, time } = parsed.output;
  const { AutoScalingGroupName, LifecycleHookName, EC2InstanceId } = detail;
  const hook = `${engine.prefix}-${transition}`;
  if (LifecycleHookName !== hook) return ignore(`its hook is ${LifecycleHookName}, not ${hook}`);
  const group = await engine.aws.groups.named(AutoScalingGroupName);
  if (group === null) return ignore(`there is no group ${AutoScalingGroupName}`);
  const fleet = group.tags[fleetTag(engine.prefix)];
  if (fleet === undefined) return ignore(`group ${group.name} is not tagged ${fleetTag(engine.prefix)}`);
  if (!isFleetName(fleet)) return ignore(`${fleet} is no name of a fleet`);
  const instance = group.instances.find(({ id }) => id === EC2InstanceId);
  if (instance === undefined) return ignore(`${EC2InstanceId} is not in group ${group.name} any more`);
  if (instance.lifecycle.includes('Terminating') !== (transition === 'terminate'))
    return ignore(`${EC2InstanceId} is ${instance.lifecycle}: its ${transition} is over`);
  const startedAt = Date.parse(time);
  const scope = { kind: 'instance', instance: EC2InstanceId, transition } as const;
  return run(
    engine,
    { fleet, scope, group, startedAt: Number.isNaN(startedAt) ? null : startedAt, deletedAt: null },
    until,
  );
}
