import type { FleetDecision } from './fleet.ts';
import { launching } from './launching.ts';
import type { Instance, Observed, Step } from './model.ts';
import { problemsOf } from './problems.ts';
import { decideFleet } from './rollout.ts';
import { serving } from './serving.ts';
import { leaving } from './sick.ts';
import { interruptedLaunch, isWarned } from './spot.ts';
import { standby, stray } from './stray.ts';
import { concerns, terminating } from './terminating.ts';

/**
 * Observed → one step for every instance in scope, each with a reason, and before them the fleet's own
 * steps. Pure and total: the same world gives the same steps, whoever asks, and any run can go on from any
 * other's half-way. `plan` prints the answer; the loop acts on it.
 */
export function decide(observed: Observed): Step[] {
  const fleet = decideFleet(observed);
  // What is written comes first: no host is touched on an intent that nobody could read afterwards. A drain
  // depends on none of it, and writes nothing.
  const drains = observed.scope.kind === 'instance' && observed.scope.transition === 'terminate';
  if (fleet.writes.length > 0 && !drains) return fleet.writes;
  const sick = leaving(observed);
  return [
    ...fleet.waits,
    ...inScope(observed).map((instance) => decideInstance(observed, fleet, sick, instance)),
    ...observed.strays.map((target) => stray(observed, target)),
    ...problemsOf(observed),
  ];
}

function decideInstance(
  observed: Observed,
  fleet: FleetDecision,
  sick: Map<string, string>,
  instance: Instance,
): Step {
  if (
    waits(instance) &&
    observed.scope.kind === 'fleet' &&
    observed.scope.leaveYoung &&
    isFresh(observed, instance) &&
    !isWarned(observed, instance)
  )
    return rest(instance, 'its event is young: the handler has it');
  if (waits(instance) && instance.isOver === true)
    return rest(instance, "the fleet's own hook has ended: another one holds it");
  switch (instance.lifecycle) {
    case 'Pending:Wait':
    case 'Warmed:Pending:Wait':
      return launching(observed, fleet, instance);
    case 'Pending':
    case 'Warmed:Pending':
      return interruptedLaunch(observed, instance) ?? idle(instance);
    case 'Terminating:Wait':
    case 'Warmed:Terminating:Wait':
    // An instance refresh takes its disk, and Squid with it; afterwards it is proven as if it were new.
    case 'ReplacingRootVolume:Wait':
      return terminating(observed, instance);
    case 'InService':
      return serving(observed, fleet, sick, instance);
    case 'EnteringStandby':
    case 'Standby':
    case 'ReplacingRootVolume':
    case 'ReplacingRootVolume:Proceed':
    case 'RootVolumeReplaced':
    case 'Warmed:Running':
    case 'Warmed:Stopped':
    case 'Warmed:Hibernated':
      return standby(observed, instance);
    default:
      return idle(instance);
  }
}

function inScope({ scope, instances, timing }: Observed): Instance[] {
  if (scope.kind === 'fleet') return instances;
  // A storm is a batch: from a few on, the sweep brings all of them along with far fewer calls.
  if (instances.filter(waits).length >= timing.stormInstances) return [];
  return instances.filter(
    ({ id, lifecycle }) =>
      id === scope.instance && lifecycle !== 'InService' && concerns(scope.transition, lifecycle),
  );
}

/** Few instances wait and this one's event came in a moment ago. */
function isFresh({ now, timing, instances }: Observed, { startedAt }: Instance): boolean {
  if (instances.filter(waits).length >= timing.stormInstances) return false;
  return startedAt !== null && now - startedAt < 2 * timing.sweepMs;
}

function waits({ lifecycle }: Instance): boolean {
  return lifecycle.endsWith(':Wait');
}

/** Auto Scaling is about to move it on. */
function idle(instance: Instance): Step {
  return rest(instance, `${instance.lifecycle}: nothing to do in this state`);
}

function rest(instance: Instance, reason: string): Step {
  return { step: 'nothing', instance: instance.id, reason };
}
