import { command } from './command.ts';
import type { Goal, Instance, Observed, Step } from './model.ts';
import { type FleetDecision, isProven } from './rollout.ts';

/**
 * Coming in: agent online → apply → proven → registered → healthy at the balancer → CONTINUE.
 *
 * ABANDON only what a new machine could cure. What is wrong with the fleet holds the launch with
 * heartbeats, since replacing machines would only loop.
 */
export function launching(observed: Observed, fleet: FleetDecision, instance: Instance): Step {
  const goal = fleet.launch;
  if (instance.hook === null) return hold(observed, instance, 'the group has no launch hook of the fleet');
  if (goal === null) return hold(observed, instance, `nothing to run yet: ${fleet.says}`);
  if (!instance.agentOnline) return awaitAgent(observed, instance);
  if (!isProven(instance, goal.config.sha256)) return prove(observed, instance, goal);
  // A machine bound for the warm pool takes no traffic yet: it is prepared, and proven again on its way out.
  if (instance.lifecycle === 'Warmed:Pending:Wait')
    return complete(instance, 'CONTINUE', 'prepared for the warm pool');
  return awaitTraffic(observed, instance);
}

function awaitAgent(observed: Observed, instance: Instance): Step {
  if (spent(observed, instance, observed.timing.agentBudgetMs))
    return complete(instance, 'ABANDON', 'its agent did not come online');
  return beat(observed, instance) ?? wait(observed, instance, 'agents', 'waiting for its agent');
}

function prove(observed: Observed, instance: Instance, goal: Goal): Step {
  const { host } = instance;
  const beating = beat(observed, instance);
  if (beating !== null) return beating;
  if (host.kind === 'reported' && host.sha256 === goal.config.sha256) {
    const { outcome, phase, reason } = host.report;
    // `superseded` says that what this run read of the state is old, and `busy` that another run is at it.
    if (!['proven', 'superseded', 'busy'].includes(outcome)) {
      const why = `${outcome} in phase ${phase}: ${reason}`;
      if (curable(observed, instance, goal)) return complete(instance, 'ABANDON', why);
      if (observed.now - host.at < observed.timing.retryMs) return hold(observed, instance, why);
    }
  }
  return command(observed, instance, goal);
}

/** A new machine could cure this: the file is proven elsewhere, so it is this host that can't take it. */
function curable(observed: Observed, { host, id, startedAt }: Instance, goal: Goal): boolean {
  if (host.kind !== 'reported') return false;
  const { outcome, phase } = host.report;
  const provenElsewhere =
    observed.state.status?.live?.sha256 === goal.config.sha256 ||
    observed.instances.some((other) => other.id !== id && isProven(other, goal.config.sha256));
  if (!provenElsewhere) return false;
  if (outcome === 'rejected' || phase === 'start') return true;
  return startedAt !== null && observed.now - startedAt > observed.timing.launchBudgetMs;
}

function awaitTraffic(observed: Observed, instance: Instance): Step {
  const { target, hook, id } = instance;
  const { targetGroup } = observed;
  if (targetGroup === null) return hold(observed, instance, 'the target group does not exist');
  if (targetGroup.problems.length > 0) return hold(observed, instance, targetGroup.problems.join('; '));
  if (target === null || target.state.endsWith('draining'))
    return beat(observed, instance) ?? { step: 'register', instance: id, reason: 'proven' };
  if (target.state === 'healthy' && hook !== null)
    return complete(instance, 'CONTINUE', 'proven, registered and healthy');
  if (target.state === 'unused') return hold(observed, instance, `its target is unused: ${target.reason}`);
  const othersHealthy = observed.instances.some(
    (other) => other.id !== id && other.target?.state === 'healthy',
  );
  const since = instance.registeredAt ?? instance.startedAt;
  // `initial` is no verdict, however long ago the launch began: the target may have been registered just now.
  if (
    target.state === 'unhealthy' &&
    othersHealthy &&
    since !== null &&
    observed.now - since > observed.timing.healthyBudgetMs
  )
    return complete(instance, 'ABANDON', `its target stays ${target.state}: ${target.reason}`);
  const reason = `waiting for its target, ${target.state}`;
  return beat(observed, instance) ?? wait(observed, instance, 'targets', reason);
}

/** The fleet's fault, not the machine's: kept waiting, with heartbeats, for as long as AWS allows. */
function hold(observed: Observed, instance: Instance, reason: string): Step {
  return (
    beat(observed, instance) ?? {
      step: 'wait',
      instance: instance.id,
      on: 'state',
      pollMs: observed.timing.retryMs,
      reason: `held: ${reason}`,
    }
  );
}

/** A heartbeat when a third of the hook's time has passed since the last one this run knows of. */
export function beat({ now }: Observed, instance: Instance): Step | null {
  const { hook, heartbeatAt, group, id } = instance;
  if (hook === null || (heartbeatAt !== null && now - heartbeatAt < hook.heartbeatMs / 3)) return null;
  return { step: 'heartbeat', instance: id, group, hook: hook.name, reason: 'still at work' };
}

export function complete(instance: Instance, result: 'CONTINUE' | 'ABANDON', reason: string): Step {
  const hook = instance.hook?.name ?? '';
  return { step: 'complete', instance: instance.id, group: instance.group, hook, result, reason };
}

/** A target takes several health checks, each seconds apart, so it is looked at less often than an agent. */
function wait({ timing }: Observed, instance: Instance, on: 'agents' | 'targets', reason: string): Step {
  const pollMs = on === 'targets' ? timing.pollMs * 2 : timing.pollMs;
  return { step: 'wait', instance: instance.id, on, pollMs, reason };
}

function spent({ now }: Observed, { startedAt }: Instance, budgetMs: number): boolean {
  return startedAt !== null && now - startedAt > budgetMs;
}
