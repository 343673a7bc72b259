import type { Config } from '../fleet/settings.ts';
import { drifted } from './drift.ts';
import { edit, rollback, settling, start } from './edit.ts';
import {
  allWell,
  anotherBuild,
  type FleetDecision,
  isReversal,
  isUpgrading,
  liveGoal,
  longestRunMs,
  mistakes,
  newerLeads,
  quiet,
  short,
  store,
  write,
} from './fleet.ts';
import { follows, isFailed, isHealthy, isProven } from './members.ts';
import type { Goal, Instance, Observed, Status } from './model.ts';
import { rebuild, runsAhead } from './recovery.ts';
import { cannotTake, isLost, leaving } from './sick.ts';
import { condemns, reject } from './verdict.ts';
import { errorsAllowed, isHeld, isPaused, type Progress, progressOf } from './waves.ts';

/**
 * The rollout is a decision over the fleet: a goal for each instance, and who may move now. Nothing but
 * `status` and the hosts' own answers says how far it got, so any run goes on from where another stopped.
 */
export function decideFleet(observed: Observed): FleetDecision {
  const { status } = observed.state;
  if (isUpgrading(observed)) return { ...quiet(anotherBuild), refused: [anotherBuild] };
  if (status === null) return first(observed);
  if (runsAhead(observed, status))
    return {
      ...quiet('a host has accepted more than the state accounts for'),
      writes: [write({ ...status, epoch: observed.now }, 'a new epoch, since a host is ahead of the state')],
    };
  const asked = rollback(observed, status);
  if (asked !== null) return asked;
  if (status.rollout === undefined) return steady(observed, status);
  if (isReversal(status)) return reversal(observed, status);
  return rolling(observed, status, status.rollout);
}

/** No state yet: the fleet's first config is whatever its parameters render to, unless its hosts know better. */
function first(observed: Observed): FleetDecision {
  const { desired, instances, now, scope } = observed;
  const asked = scope.kind === 'fleet' && scope.request !== null;
  const found = asked ? null : rebuild(observed);
  if (found?.kind === 'ask') return { ...quiet(found.says), ask: true };
  if (found?.kind === 'wait') return { ...quiet(found.says), refused: [found.says] };
  if (found?.kind === 'live')
    return {
      ...quiet('the state was lost'),
      writes: [
        store(found.config),
        write({ epoch: now, live: { sha256: found.config.sha256, since: now } }, found.says),
      ],
    };
  if (desired.kind === 'mistakes') return quiet(`parameters broken: ${mistakes(desired.mistakes)}`);
  const unsettled = settling(observed);
  if (unsettled !== null) return { ...quiet('an edit is settling'), waits: [unsettled] };
  if (instances.length === 0) return quiet('waits for its first instance');
  return start(observed, { epoch: now }, desired.config, 'the first configuration of this fleet');
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

function rolling(observed: Observed, status: Status, rollout: NonNullable<Status['rollout']>): FleetDecision {
  const { state, scope, now } = observed;
  if (rollout.build > observed.build && now - rollout.startedAt < longestRunMs) return quiet(newerLeads);
  const config = state.rollout;
  if (config === null)
    return edit(observed, status, quiet(`the stored configuration ${short(rollout.sha256)} cannot be read`));
  const intent = { epoch: status.epoch, version: state.version, rank: 1 } as const;
  const goal: Goal = { config, intent, may: true, reason: `rollout of ${short(config.sha256)}` };
  const behind = state.live && liveGoal(observed, status, state.live, 'live, its turn comes');
  const launch = behind ?? goal;
  if (isLeased(observed, rollout)) return edit(observed, status, { ...quiet(elsewhere), launch });
  const progress = progressOf(observed, config, rollout);
  const failed = observed.instances.filter((instance) => condemns(observed, instance, config, progress));
  const [worst] = failed;
  if (worst !== undefined && failed.length > errorsAllowed(observed, config, progress.members.length))
    return reject(observed, status, config, worst);
  const { members, done } = progress;
  // Only a run that sees the whole fleet may say that it is proven everywhere. Who was not reached serves nobody by
  // then: afterwards nothing would tell it from one that runs what is live.
  if (scope.kind === 'fleet' && progress.complete && leaving(observed).size === 0) {
    const { rollout: _, ...rest } = status;
    const live = { sha256: config.sha256, since: now };
    return {
      ...quiet('rollout complete'),
      writes: [write({ ...rest, live }, `proven on all ${members.length} in service`)],
    };
  }
  return edit(observed, status, {
    ...quiet(saysOf(observed, config, progress)),
    waits: scope.kind === 'fleet' && progress.wait !== null ? [progress.wait] : [],
    ask: scope.kind === 'fleet',
    launch,
    goal: (instance) => {
      if (done.includes(instance) || progress.movers.includes(instance)) return goal;
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
  const goal = liveGoal(observed, status, live, `back to live: ${status.rejected?.reason ?? ''}`);
  if (status.rollout && isLeased(observed, status.rollout))
    return edit(observed, status, { ...quiet(elsewhere), launch: goal });
  const members = instances.filter((it) => it.lifecycle === 'InService' && !isLost(observed, it));
  const sick = members.filter((it) => cannotTake(it, live.sha256));
  const isBack = (it: Instance) => isProven(it, live.sha256) && follows(it, observed);
  const back = members.every((it) => isFailed(it, live.sha256) || isBack(it));
  const allLeft = leaving(observed).size === 0;
  if (scope.kind === 'fleet' && members.length > 0 && back && allLeft) {
    const { rejected, ...acquitted } = rest;
    const culprit = sick.find(({ id }) => id === rejected?.instance);
    // A host that can't take live either is no verdict on the config. Two of them may be, and so it is where a
    // second trial would be at the cost of the last healthy one.
    const others = members.filter((it) => it !== culprit && isHealthy(it));
    if (culprit !== undefined && sick.length === 1 && others.length >= 2)
      return {
        ...quiet(`${culprit.id} is sick`),
        writes: [write(acquitted, `${culprit.id} cannot take live either, so its verdict is void`)],
      };
    return { ...quiet('reversed'), writes: [write(rest, 'live is proven again')] };
  }
  return edit(observed, status, {
    ...quiet(`going back to ${short(live.sha256)}`),
    ask: scope.kind === 'fleet',
    launch: goal,
    goal: () => goal,
  });
}

/** Another run is at this rollout; only somebody who asks for it by hand goes on all the same. */
function isLeased({ state, scope, now }: Observed, { sha256 }: NonNullable<Status['rollout']>): boolean {
  const { lease } = state;
  if (!lease || lease.sha256 !== sha256 || lease.until <= now) return false;
  return scope.kind === 'instance' || scope.request === null;
}

const elsewhere = 'another run is at this rollout';

function saysOf(observed: Observed, config: Config, { members, done, waves, wait }: Progress): string {
  const wave = waves.find((it) => !it.members.every((member) => done.includes(member)));
  const counted = `rolling out ${short(config.sha256)}: ${done.length} of ${members.length}`;
  return [counted, wave?.name, isHeld(observed, config) ? 'paused' : wait?.reason]
    .filter((it) => it !== undefined)
    .join(', ');
}

/** The first sweep after live was written asks every host: a launch may have raced it. */
function isYoung({ now, timing }: Observed, { live }: Status): boolean {
  return live !== undefined && now - live.since < 2 * timing.sweepMs;
}
