import { beat, command, complete } from './command.ts';
import type { FleetDecision } from './fleet.ts';
import { isProven } from './members.ts';
import type { Goal, Instance, Observed, Source, Step } from './model.ts';
import { interruptedLaunch } from './spot.ts';
import { returnsToPool, terminating } from './terminating.ts';

/**
 * Coming in: agent online → apply → proven → registered → healthy at the balancer → CONTINUE.
 *
 * ABANDON only what a new machine could cure. What is wrong with the fleet holds the launch with
 * heartbeats, since replacing machines would only loop.
 */
export function launching(observed: Observed, fleet: FleetDecision, instance: Instance): Step {
  const goal = fleet.launch;
  if (returnsToPool(observed, instance)) return terminating(observed, instance);
  if (instance.hook === null) return hold(observed, instance, 'the group has no launch hook of the fleet');
  const taken = interruptedLaunch(observed, instance);
  if (taken !== null) return taken;
  if (goal === null) return hold(observed, instance, `nothing to run yet: ${fleet.says}`);
  if (!isProven(instance, goal.config.sha256))
    return instance.agentOnline ? prove(observed, instance, goal) : awaitAgent(observed, instance);
  // A machine bound for the warm pool takes no traffic yet: it is prepared, and proven again on its way out.
  if (instance.lifecycle === 'Warmed:Pending:Wait')
    return complete(instance, 'CONTINUE', 'prepared for the warm pool');
  return awaitTraffic(observed, instance);
}

function awaitAgent(observed: Observed, instance: Instance): Step {
  const { timing, scope } = observed;
  // What is registered was proven through its agent, which may come back.
  const lost = instance.target !== null;
  // A run of one event reads no other agent, so it leaves the verdict to the sweep.
  if (
    scope.kind === 'fleet' &&
    spent(observed, instance, lost ? timing.launchBudgetMs : timing.agentBudgetMs)
  )
    return agentsAnswer(observed)
      ? abandon(instance, 'agent', `its agent ${lost ? 'was lost' : 'did not come online'}`)
      : hold(observed, instance, 'no agent of the fleet is online');
  // A late one's machine may be gone: then the group knows.
  const on = spent(observed, instance, 2 * timing.sweepMs) ? 'groups' : 'agents';
  return beat(observed, instance) ?? wait(observed, instance, on, 'waiting for its agent');
}

/** Where not one in service has its agent online, that of a new machine would not come either. */
function agentsAnswer({ instances }: Observed): boolean {
  const serving = instances.filter(({ lifecycle }) => lifecycle === 'InService');
  return serving.length === 0 || serving.some(({ agentOnline }) => agentOnline);
}

function prove(observed: Observed, instance: Instance, goal: Goal): Step {
  const { host } = instance;
  // Its agent is online and takes no command, while other hosts have taken the file.
  if (
    host.kind === 'unreachable' &&
    isLive(observed, goal) &&
    spent(observed, instance, observed.timing.launchBudgetMs) &&
    (instance.isTried === true || host.at > (host.since ?? host.at))
  )
    return abandon(instance, 'agent', `it cannot be reached: ${host.reason}`);
  const beating = beat(observed, instance);
  if (beating !== null) return beating;
  if (host.kind === 'reported' && host.sha256 === goal.config.sha256) {
    const { outcome, phase, reason } = host.report;
    // `superseded` says that what this run read of the state is old, and `busy` that another run is at it.
    if (!['proven', 'superseded', 'busy'].includes(outcome)) {
      const why = `${outcome} in phase ${phase}: ${reason}`;
      const cause = curable(observed, instance, goal);
      if (cause !== null) return abandon(instance, cause, why);
      if (observed.now - host.at < observed.timing.retryMs) return hold(observed, instance, why);
    }
  }
  return command(observed, instance, goal);
}

/** What a new machine could cure: the file is proven elsewhere, so it is this host that can't take it. */
function curable(observed: Observed, instance: Instance, goal: Goal): Cause | null {
  const { host, id } = instance;
  if (host.kind !== 'reported') return null;
  const { outcome, phase } = host.report;
  const { sha256 } = goal.config;
  const proven = observed.instances.filter((other) => other.id !== id && isProven(other, sha256));
  if (proven.length === 0 && !isLive(observed, goal)) return null;
  if (outcome === 'rejected') return 'file';
  if (phase === 'start') return 'start';
  // The probe may have stopped answering for all since: only a host that passes it now tells, and on one that
  // served before, an apply passes without it.
  const checked = proven.some(
    (other) => other.host.kind === 'reported' && other.host.report.mode === 'check',
  );
  if (phase === 'proof' && !checked) return null;
  // Where something of the fleet held it for long, its time may be spent before its first try.
  const isOver = spent(observed, instance, observed.timing.launchBudgetMs) && instance.isTried === true;
  return isOver ? 'time' : null;
}

function isLive({ state }: Observed, { config }: Goal): boolean {
  return state.status?.live?.sha256 === config.sha256;
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
  // Neither is a verdict of a health check: no listener or zone for it, or checks that are turned off.
  if (target.state === 'unused' || target.state === 'unavailable')
    return hold(observed, instance, `its target is ${target.state}: ${target.reason}`);
  const othersHealthy = observed.instances.some(
    (other) => other.id !== id && other.target?.state === 'healthy',
  );
  // `initial` is no verdict, however long ago the launch began: the target may have been registered just now.
  if (target.state === 'unhealthy' && othersHealthy && isOverdue(observed, instance))
    return abandon(instance, 'target', `its target stays ${target.state}: ${target.reason}`);
  const reason = `waiting for its target, ${target.state}`;
  return beat(observed, instance) ?? wait(observed, instance, 'targets', reason);
}

/**
 * A run that did not register it counts from the launch or, since nothing is registered before, from the proof that
 * came later; and it has to have watched it for a while itself.
 */
function isOverdue({ now, timing }: Observed, { registeredAt, startedAt, host }: Instance): boolean {
  const watched = registeredAt !== null || (host.kind === 'reported' && now - host.at >= timing.sweepMs / 3);
  const proven = host.kind === 'reported' ? (host.report.provenSince ?? 0) * 1000 : 0;
  const since = registeredAt ?? (startedAt === null ? null : Math.max(startedAt, proven));
  return watched && since !== null && now - since > timing.healthyBudgetMs;
}

/** The fleet's fault, not the machine's: kept waiting, with heartbeats, for as long as AWS allows. */
function hold(observed: Observed, instance: Instance, reason: string): Step {
  return (
    beat(observed, instance) ?? {
      step: 'wait',
      instance: instance.id,
      on: 'state',
      pollMs: observed.timing.retryMs,
      held: true,
      reason: `held: ${reason}`,
    }
  );
}

type Cause = NonNullable<Extract<Step, { step: 'complete' }>['cause']>;

function abandon(instance: Instance, cause: Cause, reason: string): Step {
  return { ...complete(instance, 'ABANDON', reason), cause };
}

/** A target takes several health checks, each seconds apart, so it is looked at less often than an agent. */
function wait({ timing }: Observed, instance: Instance, on: Source, reason: string): Step {
  const pollMs = on === 'targets' ? timing.pollMs * 2 : timing.pollMs;
  return { step: 'wait', instance: instance.id, on, pollMs, reason };
}

function spent({ now }: Observed, { startedAt }: Instance, budgetMs: number): boolean {
  return startedAt !== null && now - startedAt > budgetMs;
}
