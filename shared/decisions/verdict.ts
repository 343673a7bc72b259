import type { Config } from '../fleet/settings.ts';
import { type FleetDecision, quiet, write } from './fleet.ts';
import { isFailed, reasonOf } from './members.ts';
import type { Instance, Observed, Status } from './model.ts';
import { type Progress, provenSince } from './waves.ts';

/**
 * Whether this host's report condemns the config. In service: any failure to take it, or a target that stays
 * unhealthy on it. On a machine that is coming in (a first rollout): only the file itself, since all else may be
 * the machine's or the fleet's. One that was not well before says nothing.
 */
export function condemns(
  observed: Observed,
  instance: Instance,
  config: Config,
  { done }: Progress,
): boolean {
  const { state, now, timing } = observed;
  const { host, lifecycle, id } = instance;
  if (state.status?.rollout?.unhealthyBefore.includes(id)) return false;
  // An edit back: a host that can't take live is sick, and says nothing about what all the others run.
  if (state.status?.live?.sha256 === config.sha256) return false;
  if (lifecycle !== 'InService')
    return state.live === null && isFailed(instance, config.sha256) && outcomeOf(host) === 'rejected';
  if (done.includes(instance))
    return instance.target?.state === 'unhealthy' && now - provenSince(instance) > timing.healthyBudgetMs;
  return isFailed(instance, config.sha256);
}

export function reject(observed: Observed, status: Status, config: Config, failed: Instance): FleetDecision {
  const { rejected, live } = status;
  const { desired, now } = observed;
  const ailing = `its target is ${failed.target?.state ?? 'not registered'}: ${failed.target?.reason ?? ''}`;
  const reason = reasonOf(failed) || ailing;
  const says = `rejected on ${failed.id}: ${reason}`;
  // A way back by hand that fails goes back to live, and leaves the settings that it came from rejected.
  const isWayBack = desired.kind === 'config' && rejected?.settings === desired.config.settingsHash;
  if (isWayBack && live !== undefined) {
    // The status is one parameter, and this grows with each of them.
    const both = {
      ...rejected,
      sha256: config.sha256,
      reason: `${rejected.reason}, which ${says}`.slice(0, 800),
    };
    return { ...quiet(says), writes: [write({ ...status, rejected: both }, says)] };
  }
  const verdict = {
    sha256: config.sha256,
    settings: config.settingsHash,
    instance: failed.id,
    reason,
    at: now,
  };
  return { ...quiet(says), writes: [write({ ...status, rejected: verdict }, says)] };
}

function outcomeOf(host: Instance['host']): string | null {
  return host.kind === 'reported' ? host.report.outcome : null;
}
