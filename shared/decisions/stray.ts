import { staysHealthy } from './members.ts';
import type { Instance, Observed, Step, Stray } from './model.ts';

/**
 * Registered, and in none of the fleet's groups: detached, terminated behind Auto Scaling's back, or put there
 * by hand. It takes traffic that nobody answers for, so it goes; but only when a second look, with the groups
 * read after the targets, finds it still unknown, and never when no healthy target would be left.
 */
export function stray(observed: Observed, { id, target, looks }: Stray): Step {
  const { targetGroup, timing } = observed;
  if (target.state.endsWith('draining')) return rest(id, 'in no group of the fleet, and draining');
  const problems = targetGroup === null ? ['no target group'] : targetGroup.problems;
  if (problems.length > 0)
    return rest(id, `in no group of the fleet, but left alone: ${problems.join('; ')}`);
  if (target.state === 'healthy' && !observed.instances.some(staysHealthy))
    return rest(id, 'in no group of the fleet, but no healthy target would be left');
  if (looks < 2) {
    const reason = 'registered, but in no group of the fleet: looked at again';
    return { step: 'wait', instance: id, on: 'state', pollMs: timing.pollMs, reason };
  }
  return { step: 'deregister', instance: id, reason: 'registered, but in no group of the fleet' };
}

/**
 * Standby keeps a machine in the group, out of its capacity and, without us, in the balancer's hands. So does the
 * warm pool where a machine's return was not drained.
 */
export function standby({ instances }: Observed, { id, target, lifecycle }: Instance): Step {
  if (target === null || target.state.endsWith('draining'))
    return rest(id, `${lifecycle}: out of the balancer's hands`);
  if (target.state === 'healthy' && !instances.some(staysHealthy))
    return rest(id, `${lifecycle}, but no healthy target would be left`);
  return { step: 'deregister', instance: id, reason: `it is ${lifecycle}` };
}

function rest(instance: string, reason: string): Step {
  return { step: 'nothing', instance, reason };
}
