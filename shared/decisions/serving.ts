import { awaitCommand, command } from './command.ts';
import type { Instance, Observed, Step } from './model.ts';
import { type FleetDecision, isProven } from './rollout.ts';

/** In service: on its goal and registered, or on the way there. Nothing is registered unproven. */
export function serving(observed: Observed, fleet: FleetDecision, instance: Instance): Step {
  const { id, target, host, agentOnline } = instance;
  const { timing, now } = observed;
  const goal = fleet.goal(instance);
  if (!agentOnline) return rest(instance, 'its agent is offline');
  if (host.kind === 'asked') return awaitCommand(now, timing, instance);
  const unregistered = target === null || target.state.endsWith('draining');
  if (host.kind === 'unknown' && (fleet.ask || unregistered))
    return {
      step: 'ask',
      instance: id,
      mode: 'check',
      reason: fleet.ask ? fleet.says : 'in service, but not registered',
    };
  if (host.kind === 'unknown') return rest(instance, fleet.says);
  if (goal === null) return rest(instance, `left alone: ${fleet.says}`);
  if (!isProven(instance, goal.config.sha256)) {
    if (!goal.may) return rest(instance, goal.reason);
    if (
      host.kind === 'reported' &&
      host.sha256 === goal.config.sha256 &&
      failedLately(host, now, timing.retryMs)
    )
      return {
        step: 'wait',
        instance: id,
        on: 'state',
        pollMs: timing.retryMs,
        reason: `cannot take ${goal.reason}: ${host.report.reason}`,
      };
    // Why it has to move stands in the log: what the host said of itself.
    const found = host.kind === 'reported' && host.report.reason !== '' ? `: ${host.report.reason}` : '';
    return command(observed, instance, { ...goal, reason: `${goal.reason}${found}` });
  }
  if (!unregistered) return settled(observed, instance, goal.reason);
  const problems = observed.targetGroup === null ? ['no target group'] : observed.targetGroup.problems;
  if (problems.length > 0) return rest(instance, `not registered: ${problems.join('; ')}`);
  return { step: 'register', instance: id, reason: 'in service and proven, but not registered' };
}

/** A rollout's next move waits until this one is healthy again. */
function settled({ state, timing }: Observed, { id, target }: Instance, reason: string): Step {
  if (state.status?.rollout !== undefined && target?.state !== 'healthy')
    return {
      step: 'wait',
      instance: id,
      on: 'targets',
      pollMs: timing.pollMs,
      reason: 'waiting for its target',
    };
  return { step: 'nothing', instance: id, reason: `runs ${reason}` };
}

function failedLately(
  host: { report: { outcome: string }; at: number },
  now: number,
  retryMs: number,
): boolean {
  return !['proven', 'busy', 'superseded'].includes(host.report.outcome) && now - host.at < retryMs;
}

function rest(instance: Instance, reason: string): Step {
  return { step: 'nothing', instance: instance.id, reason };
}
