import { complete } from './command.ts';
import { staysHealthy } from './members.ts';
import type { Instance, Observed, Step } from './model.ts';

/**
 * EC2 takes the machine back in two minutes: it leaves the balancer now, while it still serves. Nobody has to
 * remember that, since its target drains from then on, and what drains is left alone. Null when nothing of it is
 * known, or when it is out already.
 */
export function interruption(observed: Observed, instance: Instance): Step | null {
  const { targetGroup } = observed;
  const { id, target } = instance;
  if (!isWarned(observed, instance)) return null;
  if (target === null || target.state.endsWith('draining')) return null;
  const problems = targetGroup === null ? ['no target group'] : targetGroup.problems;
  if (problems.length > 0) return rest(id, `${reason}, but it is left alone: ${problems.join('; ')}`);
  if (isLast(observed, instance))
    return rest(id, `${reason}, but no healthy target would be left: it serves to the end`);
  return { step: 'deregister', instance: id, reason };
}

/**
 * One that comes in when it is warned of is given up, so that another one is launched now and not in two minutes:
 * in its hook, which it may have yet to reach. Null when it goes on coming in.
 */
export function interruptedLaunch(observed: Observed, instance: Instance): Step | null {
  const { id, lifecycle } = instance;
  if (!isWarned(observed, instance) || isLast(observed, instance)) return null;
  if (lifecycle.endsWith(':Wait')) return { ...complete(instance, 'ABANDON', reason), cause: 'spot' };
  const { pollMs } = observed.timing;
  return { step: 'wait', instance: id, on: 'groups', pollMs, reason: `${reason}, before it has come in` };
}

function isLast({ instances }: Observed, { id, target }: Instance): boolean {
  return target?.state === 'healthy' && !instances.some((other) => other.id !== id && staysHealthy(other));
}

/** The event that this run began with says so; nobody remembers it afterwards. */
export function isWarned({ scope }: Observed, { id }: Instance): boolean {
  return scope.kind === 'fleet' && scope.interrupted === id;
}

const reason = 'EC2 takes it back in two minutes';

function rest(instance: string, reason: string): Step {
  return { step: 'nothing', instance, reason };
}
