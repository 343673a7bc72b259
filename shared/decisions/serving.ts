import { awaitCommand, command } from './command.ts';
import type { FleetDecision } from './fleet.ts';
import { follows, isProven, lacksProbeAlone, reasonOf, staysHealthy } from './members.ts';
import type { Instance, Observed, Problem, Step } from './model.ts';
import { deaf, isDeaf } from './sick.ts';
import { interruption } from './spot.ts';

/**
 * In service: on its goal and registered, or on the way there. Nothing is registered unproven, and nothing that
 * drains while others serve: whatever took it out (a hand, a sickness, EC2) holds until that is over.
 *
 * @param sick Who leaves the target group now, and why.
 */
export function serving(
  observed: Observed,
  fleet: FleetDecision,
  sick: Map<string, string>,
  instance: Instance,
): Step {
  const { id, target, host, agentOnline } = instance;
  const { timing, now } = observed;
  const goal = fleet.goal(instance);
  const taken = interruption(observed, instance);
  if (taken !== null) return taken;
  const ailment = sick.get(id);
  if (ailment !== undefined) return { step: 'deregister', instance: id, reason: `sick: ${ailment}` };
  if (!agentOnline)
    return report(instance, 'agents', 'its agent is offline: nothing can be asked or changed on it');
  if (host.kind === 'asked') return awaitCommand(now, timing, instance);
  const unregistered = target === null || target.state.endsWith('draining');
  const serves = observed.instances.some((other) => other.id !== id && staysHealthy(other));
  const isOut = target === null || (unregistered && !serves);
  const suspicious = isOut ? 'in service, but not registered' : ailing(target);
  if (host.kind === 'unknown' && (fleet.ask || suspicious !== null))
    return { step: 'ask', instance: id, mode: 'check', reason: suspicious ?? fleet.says };
  if (host.kind === 'unknown') return rest(instance, fleet.says);
  if (goal === null) return rest(instance, `left alone: ${fleet.says}`);
  if (isDeaf(observed, instance)) return rest(instance, deaf);
  const rolls = observed.state.status?.rollout !== undefined;
  const proven = isProven(instance, goal.config.sha256);
  // Nothing changes on it then, but what is still on its way to it from before.
  if (proven && rolls && goal.may && !follows(instance, observed))
    return command(observed, instance, { ...goal, reason: `${goal.reason}: it runs it already` });
  if (!proven) {
    if (!goal.may) return rest(instance, goal.reason);
    if (!rolls && !unregistered && lacksProbeAlone(instance, goal.config.sha256))
      return report(instance, 'probe', `it runs what it should, but ${reasonOf(instance)}`);
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
    const found = reasonOf(instance);
    const reason = goal.reason.includes(found) ? goal.reason : `${goal.reason}: ${found}`;
    return command(observed, instance, { ...goal, reason });
  }
  if (!isOut) return settled(observed, instance, goal.reason);
  const problems = observed.targetGroup === null ? ['no target group'] : observed.targetGroup.problems;
  if (problems.length > 0) return rest(instance, `not registered: ${problems.join('; ')}`);
  return { step: 'register', instance: id, reason: 'in service and proven, but not registered' };
}

/** A rollout's next move waits until this one is healthy again. */
function settled({ state, timing }: Observed, instance: Instance, reason: string): Step {
  const { id, target, host } = instance;
  if (state.status?.rollout !== undefined && target?.state !== 'healthy')
    return {
      step: 'wait',
      instance: id,
      on: 'targets',
      pollMs: timing.pollMs,
      reason: 'waiting for its target',
    };
  // One that has just been put right needs a few health checks.
  if (target?.state === 'unhealthy' && host.kind === 'reported' && host.report.mode === 'check')
    return report(
      instance,
      'targets',
      `its Squid is proven, but its target is unhealthy (${target.reason}): look at what is between the balancer and port ${target.port}`,
    );
  const drains = target?.state.endsWith('draining') ? ', and is registered again when it has drained' : '';
  return { step: 'nothing', instance: id, reason: `runs ${reason}${drains}` };
}

/** Something looks wrong, so the host is asked, though it isn't its time. */
function ailing({ state, reason }: NonNullable<Instance['target']>): string | null {
  return state === 'unhealthy' ? `its target is unhealthy: ${reason}` : null;
}

function failedLately(
  host: { report: { outcome: string }; at: number },
  now: number,
  retryMs: number,
): boolean {
  return !['proven', 'busy', 'superseded'].includes(host.report.outcome) && now - host.at < retryMs;
}

function report({ id }: Instance, thing: Problem['thing'], reason: string): Step {
  return { step: 'report', instance: id, thing, reason };
}

function rest(instance: Instance, reason: string): Step {
  return { step: 'nothing', instance: instance.id, reason };
}
