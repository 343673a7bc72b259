import { awaitCommand, beat, complete } from './command.ts';
import { staysHealthy } from './members.ts';
import type { Instance, Observed, Step } from './model.ts';

/**
 * Going out: deregister → Squid keeps serving → CONTINUE once the balancer's own lag has passed and no
 * client is connected any more, or when the larger of deregistration delay and lag has passed, or when the
 * host is gone. A drain always ends in CONTINUE: ABANDON would terminate just the same, or keep the
 * machine running under a policy that retains it.
 */
export function terminating(observed: Observed, leaving: Instance): Step {
  const instance = heldByTerminateHook(leaving);
  const { target, host, hook, id } = instance;
  const { timing, now } = observed;
  if (hook === null)
    return { step: 'nothing', instance: id, reason: 'the group has no terminate hook of the fleet' };
  if (target !== null && !target.state.endsWith('draining')) {
    // AWS's reason for a target whose instance is stopped or terminated.
    if (target.reason.includes('Target.InvalidState'))
      return complete(instance, 'CONTINUE', 'the host is gone');
    const others = observed.healthyElsewhere > 0 || observed.instances.some(staysHealthy);
    const last = target.state === 'healthy' && !others;
    const reason = `leaving the group${last ? ': the last healthy target leaves' : ''}`;
    return { step: 'deregister', instance: id, reason };
  }
  if (target === null && instance.lifecycle === 'Warmed:Terminating:Wait')
    return complete(instance, 'CONTINUE', 'it was in the warm pool: no client knows it');
  const elapsed = now - (drainingSince(instance) ?? now);
  const longest = longestMs(observed);
  // A run that takes the drain up late lets the host say first since when it drains.
  const unanswered = instance.agentOnline && (host.kind === 'unknown' || host.kind === 'asked');
  if (elapsed >= longest && !unanswered)
    return complete(instance, 'CONTINUE', 'the deregistration delay has passed');
  const connections = host.kind === 'reported' ? host.report.connections : undefined;
  if (connections === 0 && elapsed >= timing.lagMs)
    return complete(instance, 'CONTINUE', 'no client is connected any more');
  const beating = beat(observed, instance);
  if (beating !== null) return beating;
  if (host.kind === 'asked') return awaitCommand(now, timing, instance);
  const answered = host.kind === 'reported' || host.kind === 'unreachable' ? host.at : 0;
  const askAgainAt = answered + drainPollMs(observed);
  // A dead agent waits the delay out: its Squid may be serving.
  if (instance.agentOnline && now >= askAgainAt)
    return { step: 'ask', instance: id, mode: 'connections', reason: 'counting its clients' };
  const reason =
    connections === undefined
      ? 'draining'
      : `draining, ${connections} ${connections === 1 ? 'client' : 'clients'} connected`;
  const pollMs = Math.max(50, Math.min(askAgainAt - now, longest - elapsed));
  return {
    step: 'wait',
    instance: id,
    on: 'groups',
    pollMs: instance.agentOnline ? pollMs : timing.retryMs,
    reason,
  };
}

/**
 * With reuse on scale-in a machine goes back to the warm pool, held by the terminate hook in the state in which
 * the launch hook holds one that is new (Auto Scaling user guide, "Lifecycle state transitions for instances in a
 * warm pool"). Only a machine that was in service is registered.
 */
export function returnsToPool({ scope }: Observed, { lifecycle, target }: Instance): boolean {
  const told = scope.kind === 'instance' && scope.transition === 'terminate';
  return lifecycle === 'Warmed:Pending:Wait' && (told || target !== null);
}

/**
 * Whether the terminate hook of one in that state may be let go too: without its event, and with its target gone, it
 * looks like one that is new. By then a drain that a sweep began has given its clients all their time.
 */
export function mayHaveReturned(observed: Observed, { lifecycle, startedAt }: Instance): boolean {
  if (lifecycle !== 'Warmed:Pending:Wait' || startedAt === null) return false;
  return observed.now - startedAt >= longestMs(observed) + 3 * observed.timing.sweepMs;
}

/** Whether an event of this transition can be about an instance in this state. */
export function concerns(transition: 'launch' | 'terminate', lifecycle: string): boolean {
  if (/Terminating|ReplacingRootVolume/.test(lifecycle)) return transition === 'terminate';
  return transition === 'launch' || lifecycle.startsWith('Warmed:Pending');
}

/** By its state, the hook of a machine that returns to the pool looks like the launch hook. */
function heldByTerminateHook(instance: Instance): Instance {
  const { hook } = instance;
  return { ...instance, hook: hook && { ...hook, name: hook.name.replace(/-launch$/, '-terminate') } };
}

function longestMs({ targetGroup, timing }: Observed): number {
  return Math.max(targetGroup?.deregistrationDelayMs ?? 0, timing.lagMs);
}

/** An eighth of the lag: 15 s at AWS's 120 s. */
function drainPollMs({ timing }: Observed): number {
  return Math.max(500, timing.lagMs / 8);
}

/**
 * The host remembers when its draining began; else the termination's own start counts. Both are whole
 * seconds, rounded down, so a second is added: a client is never cut off early.
 */
function drainingSince({ host, startedAt }: Instance): number | null {
  const remembered = host.kind === 'reported' ? host.report.drainingSince : undefined;
  const since = remembered === undefined ? startedAt : remembered * 1000;
  return since === null ? null : since + 1000;
}
