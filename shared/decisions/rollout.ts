import { guards } from '../fleet/guards.ts';
import type { Config } from '../fleet/settings.ts';
import { drifted } from './drift.ts';
import { isProven, isReachableMember, zonesInTurn } from './members.ts';
import type { Goal, Instance, Intent, Observed, Status, Step } from './model.ts';

/** What the fleet as a whole should do, before any single instance is looked at. */
export interface FleetDecision {
  /** To be written, in this order, before anything else happens. */
  writes: Step[];
  waits: Step[];
  /** Every host in service has to be asked what it runs. */
  ask: boolean;
  /** What an instance that comes in should run; null when there is nothing to give it. */
  launch: Goal | null;
  /** What an instance in service should run; null when it is left alone. */
  goal(instance: Instance): Goal | null;
  /** The fleet's state in one line, for people. */
  says: string;
}

/** What a fleet says that needs nobody. */
export const allWell = 'all on live';

/**
 * The rollout is a decision over the fleet: a goal for each instance, and who may move now. Nothing but
 * `status` and the hosts' own answers says how far it got, so any run goes on from where another stopped.
 */
export function decideFleet(observed: Observed): FleetDecision {
  const { status } = observed.state;
  if (status === null) return first(observed);
  if (status.rollout === undefined) return steady(observed, status);
  if (status.rollout.sha256 === status.rejected?.sha256) return reversal(observed, status);
  return rolling(observed, status);
}

/** No state yet: the fleet's first config is whatever its parameters render to. */
function first(observed: Observed): FleetDecision {
  const { desired, instances, now } = observed;
  if (desired.kind === 'mistakes') return quiet(`parameters broken: ${mistakes(desired.mistakes)}`);
  const unsettled = settling(observed);
  if (unsettled !== null) return { ...quiet('an edit is settling'), waits: [unsettled] };
  if (instances.length === 0) return quiet('waits for its first instance');
  return start(observed, { epoch: now }, 'the first configuration of this fleet');
}

function steady(observed: Observed, status: Status): FleetDecision {
  const { state, scope } = observed;
  const { live } = state;
  const drift = drifted(observed);
  const stay: FleetDecision = {
    ...quiet(isPaused(observed) ? 'paused: repairs and edits wait' : allWell),
    ask: scope.kind === 'fleet' && (scope.askAll || isYoung(observed, status)),
    launch: live && liveGoal(observed, status, live, 'live'),
    // Paused: watched and reported, and launches get live, but nothing in service is changed.
    goal: ({ id }) => {
      if (live === null) return null;
      const goal = liveGoal(observed, status, live, 'live');
      if (isPaused(observed)) return { ...goal, may: false };
      return drift.waiting.has(id) ? { ...goal, may: false, reason: 'drifted: its turn comes' } : goal;
    },
  };
  // Only somebody who asks for it may go on without knowing what is live.
  const asked = scope.kind === 'fleet' && scope.request !== null;
  if (live === null && status.live !== undefined && !asked)
    return { ...stay, says: `the stored configuration ${short(status.live.sha256)} cannot be read` };
  return edit(observed, status, stay);
}

function rolling(observed: Observed, status: Status): FleetDecision {
  const { state, scope } = observed;
  const rollout = status.rollout as NonNullable<Status['rollout']>;
  if (rollout.build > observed.build) return quiet('a newer build of Shoal leads this rollout');
  const config = state.rollout;
  if (config === null)
    return edit(observed, status, quiet(`the stored configuration ${short(rollout.sha256)} cannot be read`));
  const failure = observed.instances.find((instance) => condemns(observed, instance, config));
  if (failure !== undefined) return reject(observed, status, config, failure);
  const members = observed.instances.filter(isReachableMember);
  const done = members.filter((member) => isProven(member, config.sha256));
  // Only a run that sees the whole fleet may say that it is proven everywhere.
  if (scope.kind === 'fleet' && members.length > 0 && done.length === members.length) {
    const { rollout: _, ...rest } = status;
    const live = { sha256: config.sha256, since: observed.now };
    return {
      ...quiet('rollout complete'),
      writes: [write({ ...rest, live }, `proven on all ${members.length} in service`)],
    };
  }
  // Paused stops at the next boundary, never half-way through a host.
  const mover = isPaused(observed) ? null : nextMover(members, done, rollout);
  const intent: Intent = { epoch: status.epoch, version: state.version, rank: 1 };
  const goal: Goal = { config, intent, may: true, reason: `rollout of ${short(config.sha256)}` };
  const behind = state.live && liveGoal(observed, status, state.live, 'live, its turn comes');
  const paused = isPaused(observed) ? 'paused, ' : '';
  return edit(observed, status, {
    ...quiet(`${paused}rolling out ${short(config.sha256)}: ${done.length} of ${members.length}`),
    ask: scope.kind === 'fleet',
    launch: behind ?? goal,
    goal: (instance) => {
      if (done.includes(instance) || instance === mover) return goal;
      return behind && { ...behind, may: false };
    },
  });
}

/** Rejected: every host that has, or may have, the new config goes back to live, and only that. */
function reversal(observed: Observed, status: Status): FleetDecision {
  const { scope, state, instances } = observed;
  const { live } = state;
  const { rollout: _, ...rest } = status;
  if (live === null)
    return {
      ...quiet('the first configuration was rejected'),
      writes: [write(rest, 'there is no live configuration to go back to')],
    };
  const members = instances.filter(isReachableMember);
  const back = members.length > 0 && members.every((member) => isProven(member, live.sha256));
  if (scope.kind === 'fleet' && back)
    return { ...quiet('reversed'), writes: [write(rest, 'live is proven everywhere again')] };
  const goal = liveGoal(observed, status, live, `back to live: ${status.rejected?.reason ?? ''}`);
  return edit(observed, status, {
    ...quiet(`going back to ${short(live.sha256)}`),
    ask: scope.kind === 'fleet',
    launch: goal,
    goal: () => goal,
  });
}

/**
 * What the parameters ask for beyond what is under way: a new rollout where they may have one, else `stay`
 * with the reason why not.
 */
function edit(observed: Observed, status: Status, stay: FleetDecision): FleetDecision {
  const { desired, state, scope } = observed;
  if (desired.kind === 'mistakes')
    return { ...stay, says: `parameters broken: ${mistakes(desired.mistakes)}` };
  const { config } = desired;
  const { rejected, ...withoutRejected } = status;
  const isRejected = rejected?.settings === config.settingsHash;
  if (config.sha256 === (status.rollout ?? status.live)?.sha256) {
    if (status.rollout !== undefined || rejected === undefined || isRejected) return stay;
    return { ...stay, writes: [write(withoutRejected, 'the rejected parameters are gone')] };
  }
  const unsettled = settling(observed);
  if (unsettled !== null) return { ...stay, says: 'an edit is settling', waits: [unsettled] };
  const asked = scope.kind === 'fleet' ? scope.request : null;
  // Asking lifts a rejection that was there before, and is no reason to try again what it has just caused.
  if (isRejected && (asked === null || rejected.at > asked.at))
    return { ...stay, says: `rejected on ${rejected.instance}: ${rejected.reason}` };
  const refused = state.live === null ? [] : guards(state.live.settings, config.settings);
  const standing = refused.filter(({ liftedByForce }) => !(liftedByForce && asked?.force === true));
  if (standing.length > 0)
    return { ...stay, says: `refused: ${standing.map(({ reason }) => reason).join('; ')}` };
  if (isPaused(observed)) return { ...stay, says: 'paused: an edit waits' };
  if (scope.kind === 'instance' && state.live !== null)
    return { ...stay, says: 'an edit waits for the next reconcile' };
  return start(observed, withoutRejected, `desired is ${short(config.sha256)}`);
}

function start(observed: Observed, status: Status, reason: string): FleetDecision {
  if (observed.desired.kind !== 'config') throw new Error('a rollout needs a desired configuration');
  const { config } = observed.desired;
  const { scope, instances, now, build } = observed;
  const forced = scope.kind === 'fleet' && scope.request?.force === true;
  const unhealthyBefore = instances
    .filter(({ lifecycle, target }) => lifecycle === 'InService' && target?.state !== 'healthy')
    .map(({ id }) => id)
    .slice(0, 100);
  const rollout = { sha256: config.sha256, forced, startedAt: now, unhealthyBefore, build };
  const { rejected: _, ...rest } = status;
  return {
    ...quiet(`starting ${short(config.sha256)}`),
    writes: [
      { step: 'store-config', instance: null, config, reason: 'stored before anything points at it' },
      write({ ...rest, rollout }, reason),
    ],
  };
}

function reject(observed: Observed, status: Status, config: Config, failed: Instance): FleetDecision {
  const reason = failed.host.kind === 'reported' ? failed.host.report.reason : '';
  const rejected = {
    sha256: config.sha256,
    settings: config.settingsHash,
    instance: failed.id,
    reason,
    at: observed.now,
  };
  return {
    ...quiet(`rejected on ${failed.id}: ${reason}`),
    writes: [write({ ...status, rejected }, `rejected on ${failed.id}: ${reason}`)],
  };
}

/**
 * Whether this host's report condemns the config. In service: any failure to take it. On a machine that is
 * coming in (a first rollout): only the file itself, since all else may be the machine's or the fleet's.
 */
function condemns({ state }: Observed, { host, lifecycle }: Instance, config: Config): boolean {
  if (host.kind !== 'reported' || host.sha256 !== config.sha256) return false;
  const { outcome } = host.report;
  if (outcome === 'rejected') return lifecycle === 'InService' || state.live === null;
  return lifecycle === 'InService' && ['restored', 'failed', 'unable'].includes(outcome);
}

/** One at a time: the next one moves when every proven one is healthy at the balancer. */
function nextMover(
  members: Instance[],
  done: Instance[],
  { sha256, unhealthyBefore }: NonNullable<Status['rollout']>,
): Instance | null {
  if (members.some(({ host }) => host.kind === 'unknown')) return null;
  const moving = members.find(
    ({ host }) => host.kind === 'asked' && host.mode === 'apply' && host.sha256 === sha256,
  );
  if (moving !== undefined) return moving;
  if (done.some(({ id, target }) => target?.state !== 'healthy' && !unhealthyBefore.includes(id)))
    return null;
  return zonesInTurn(members).find((member) => !done.includes(member)) ?? null;
}

/** Half an edit is never taken up: parameters rest for a moment before they count. */
function settling({ desired, now, timing }: Observed): Step | null {
  const left = desired.editedAt + timing.debounceMs - now;
  if (left <= 0) return null;
  return {
    step: 'wait',
    instance: null,
    on: 'parameters',
    pollMs: left + 50,
    reason: 'an edit is younger than the debounce time',
  };
}

function liveGoal({ state }: Observed, status: Status, config: Config, reason: string): Goal {
  return { config, intent: { epoch: status.epoch, version: state.version, rank: 0 }, may: true, reason };
}

function isPaused({ desired }: Observed): boolean {
  return desired.kind === 'config' && desired.config.settings.paused;
}

/** The first sweep after live was written asks every host: a launch may have raced it. */
function isYoung({ now, timing }: Observed, { live }: Status): boolean {
  return live !== undefined && now - live.since < 2 * timing.sweepMs;
}

function write(status: Status, reason: string): Step {
  return { step: 'write-status', instance: null, status, reason };
}

function quiet(says: string): FleetDecision {
  return { writes: [], waits: [], ask: false, launch: null, goal: () => null, says };
}

function mistakes(list: { parameter: string | null; problem: string }[]): string {
  return list
    .map(({ parameter, problem }) => (parameter === null ? problem : `${parameter}: ${problem}`))
    .join('; ');
}

export function short(sha256: string): string {
  return sha256.slice(0, 12);
}
