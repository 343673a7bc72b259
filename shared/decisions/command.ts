import type { Goal, Instance, Observed, Step } from './model.ts';

/** The apply that brings a host to its goal, or the wait for the one under way. */
export function command({ now, timing }: Observed, instance: Instance, goal: Goal): Step {
  const { host, id } = instance;
  if (host.kind === 'asked') return awaitCommand(now, timing, instance);
  if (host.kind === 'unreachable' && now - host.at < timing.retryMs)
    return pause(timing, instance, `cannot be reached: ${host.reason}`);
  if (host.kind === 'reported' && host.report.outcome === 'busy' && now - host.at < timing.pollMs)
    return pause(timing, instance, 'another run is at work on this host');
  if (host.kind === 'reported' && host.report.outcome === 'superseded' && now - host.at < timing.retryMs)
    return pause(timing, instance, 'the host follows a newer decision than the one read');
  return { step: 'apply', instance: id, config: goal.config, intent: goal.intent, reason: goal.reason };
}

/**
 * A host answers within a second or so, far faster than an agent comes up or a target gets healthy; one
 * that installs Squid first takes longer, so the looks get further apart as the wait goes on.
 */
export function awaitCommand(now: number, timing: Observed['timing'], { id, host }: Instance): Step {
  if (host.kind !== 'asked') throw new Error(`${id} was asked nothing`);
  const pollMs = Math.min(timing.pollMs, Math.max(timing.pollMs / 5, (now - host.since) / 2));
  return { step: 'wait', instance: id, on: 'commands', pollMs, reason: `${host.mode} is running` };
}

function pause(timing: Observed['timing'], { id }: Instance, reason: string): Step {
  return { step: 'wait', instance: id, on: 'state', pollMs: timing.pollMs, reason };
}

/** A heartbeat when a third of the hook's time has passed since the last one this run knows of. */
export function beat({ now }: Observed, instance: Instance): Step | null {
  const { hook, heartbeatAt, group, id } = instance;
  if (hook === null || (heartbeatAt !== null && now - heartbeatAt < hook.heartbeatMs / 3)) return null;
  return { step: 'heartbeat', instance: id, group, hook: hook.name, reason: 'still at work' };
}

type Complete = Extract<Step, { step: 'complete' }>;

export function complete(instance: Instance, result: Complete['result'], reason: string): Complete {
  const hook = instance.hook?.name ?? '';
  return { step: 'complete', instance: instance.id, group: instance.group, hook, result, reason };
}
