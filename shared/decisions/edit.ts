import { guards } from '../fleet/guards.ts';
import type { Config } from '../fleet/settings.ts';
import {
  byHand,
  type FleetDecision,
  isReversal,
  longestRunMs,
  mistakes,
  newerLeads,
  quiet,
  short,
  store,
  write,
} from './fleet.ts';
import { isHealthy, isReachableMember } from './members.ts';
import type { Observed, Status, Step } from './model.ts';
import { sickness } from './sick.ts';
import { isPaused } from './waves.ts';

/**
 * What the parameters ask for beyond what is under way: a new rollout where they may have one, else `stay`
 * with the reason why not.
 */
export function edit(observed: Observed, status: Status, stay: FleetDecision): FleetDecision {
  const { desired, state, scope, now } = observed;
  const no = (says: string, refused = [says]): FleetDecision => ({ ...stay, says, refused });
  if (desired.kind === 'mistakes') return no(`parameters broken: ${mistakes(desired.mistakes)}`, []);
  const { config } = desired;
  const { rejected, ...withoutRejected } = status;
  const isRejected = rejected?.settings === config.settingsHash;
  // A reversal goes back to live by itself, and faster than a rollout of it would.
  const headings = [status.rollout ?? status.live, isReversal(status) ? status.live : undefined];
  if (headings.some((it) => it?.sha256 === config.sha256)) {
    if (status.rollout !== undefined || rejected === undefined || isRejected) return stay;
    return { ...stay, writes: [write(withoutRejected, 'the rejected parameters are gone')] };
  }
  const asked = scope.kind === 'fleet' && scope.request?.mode === 'apply' ? scope.request : null;
  // Asking lifts a rejection that was there before, and is no reason to try again what it has just caused.
  if (isRejected && (asked === null || rejected.at > asked.at))
    return no(
      `rejected ${rejected.instance === byHand ? '' : 'on '}${rejected.instance}: ${rejected.reason}`,
    );
  const unsettled = settling(observed);
  const settles = { ...stay, says: 'an edit is settling' };
  if (isAnothers(observed)) return { ...settles, ask: scope.kind === 'fleet' && scope.askAll };
  if (unsettled !== null) return { ...settles, waits: [unsettled], ask: stay.ask || asksEarly(observed) };
  const newer = (state.live?.origin?.build ?? 0) > observed.build;
  if (newer && now - (status.live?.since ?? 0) < longestRunMs) return no(newerLeads);
  const refused = state.live === null ? [] : guards(state.live.settings, config.settings);
  const standing = refused.filter(({ liftedByForce }) => !(liftedByForce && asked?.force === true));
  if (standing.length > 0) {
    const reasons = standing.map(({ reason }) => reason);
    return no(`refused: ${reasons.join('; ')}`, reasons);
  }
  const unfit = observed.targetGroup?.problems ?? [];
  if (unfit.length > 0) return no(`refused: the target group is unfit: ${unfit.join('; ')}`, unfit);
  if (isPaused(observed)) return no('paused: an edit waits');
  if (scope.kind === 'instance' && state.live !== null) return no('an edit waits for the next reconcile', []);
  return start(observed, withoutRejected, config, `desired is ${short(config.sha256)}`);
}

/** Asked for by hand: a rollout like others, to what was live once, while what the parameters say is rejected. */
export function rollback(observed: Observed, status: Status): FleetDecision | null {
  const { scope, desired, now } = observed;
  if (scope.kind !== 'fleet' || scope.request?.mode !== 'rollback') return null;
  const { to, at } = scope.request;
  const { rollout, live, rejected } = status;
  const heading = isReversal(status) ? live?.sha256 : (rollout ?? live)?.sha256;
  // Decided once: what this run has done since, a failure included, is not asked for again.
  if (heading === to.sha256 || (rejected !== undefined && rejected.at > at)) return null;
  const { rejected: _, ...acquitted } = status;
  // Back to what was rejected: still there, the rejection would make this rollout its own reversal.
  const from = rejected?.sha256 === to.sha256 ? acquitted : status;
  const begun = start(observed, from, to, `rolled back by hand to ${short(to.sha256)}`);
  if (desired.kind !== 'config' || desired.config.sha256 === to.sha256) return begun;
  const { sha256, settingsHash: settings } = desired.config;
  const reason = `rolled back by hand to ${short(to.sha256)}`;
  const writes = begun.writes.map((step) =>
    step.step === 'write-status'
      ? {
          ...step,
          status: { ...step.status, rejected: { sha256, settings, instance: byHand, reason, at: now } },
        }
      : step,
  );
  return { ...begun, writes };
}

export function start(observed: Observed, status: Status, config: Config, reason: string): FleetDecision {
  const { scope, instances, now, build } = observed;
  const forced = scope.kind === 'fleet' && scope.request?.mode === 'apply' && scope.request.force;
  const sick = sickness(observed);
  // What a rollout under way has made unhealthy was not so before.
  const unhealthyBefore =
    status.rollout?.unhealthyBefore ??
    instances
      .filter((it) => it.lifecycle === 'InService' && (!isHealthy(it) || sick.has(it.id)))
      .map(({ id }) => id)
      .slice(0, 100);
  const rollout = { sha256: config.sha256, forced, startedAt: now, unhealthyBefore, build };
  return {
    ...quiet(`starting ${short(config.sha256)}`),
    writes: [store(config), write({ ...status, rollout }, reason)],
  };
}

/**
 * Ten edits are ten events: the run of the newest waits until it has rested, and the others, and sweeps, leave it to that
 * one, with some time to begin. Should its event be lost, a later sweep takes it up.
 */
function isAnothers({ scope, desired, now, timing }: Observed): boolean {
  if (scope.kind !== 'fleet' || !scope.leaveYoung) return false;
  if (now - desired.editedAt >= 2 * timing.debounceMs) return false;
  return typeof desired.edited === 'string' && scope.edited !== desired.edited;
}

/**
 * While an edit rests, the hosts can say what they run, and the first wave goes out at once. Edits may follow each other
 * closely, so only where one command reaches all.
 */
function asksEarly(observed: Observed): boolean {
  const { scope, desired, instances, timing } = observed;
  if (scope.kind !== 'fleet' || scope.edited === undefined || isPaused(observed)) return false;
  return (
    scope.edited === desired.edited && instances.filter(isReachableMember).length <= timing.commandInstances
  );
}

/** Half an edit is never taken up: parameters rest for a moment before they count. */
export function settling({ desired, now, timing }: Observed): Step | null {
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
