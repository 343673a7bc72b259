import { isReversal, isUpgrading } from './fleet.ts';
import { isFailed, isHealthy, isProven, lacksProbeAlone, reasonOf } from './members.ts';
import type { Instance, Observed } from './model.ts';

/**
 * Hosts that can't be helped now: out of reach for long while a rollout goes on, deaf to every command, or unable to
 * take even what is live. They are named, taken out of the target group, and tried again.
 */
export function sickness(observed: Observed): Map<string, string> {
  const { status, live } = observed.state;
  const sick = new Map<string, string>();
  if (isUpgrading(observed)) return sick;
  for (const instance of observed.instances) {
    if (instance.lifecycle !== 'InService') continue;
    if (status?.rollout !== undefined && isOutOfReach(observed, instance))
      sick.set(instance.id, `not reached for ${observed.timing.outOfReachMs / 60_000} minutes`);
    else if (isDeaf(observed, instance)) sick.set(instance.id, deaf);
    else if (live !== null && cannotTake(instance, live.sha256))
      sick.set(instance.id, `cannot be brought to what is live: ${reasonOf(instance)}`);
  }
  return sick;
}

/**
 * It was given this config and does not run it. One that only could not take it again (a full disk) serves as it
 * should, and the next check says so: two runs would take it out and put it back without an end.
 */
export function cannotTake(instance: Instance, sha256: string): boolean {
  const { host } = instance;
  const runs = host.kind === 'reported' && host.report.outcome === 'unable' && host.report.running === sha256;
  return isFailed(instance, sha256) && !runs;
}

/** Who of the sick leaves the target group now, and why: at least half of the fleet stays in it, healthy. */
export function leaving(observed: Observed): Map<string, string> {
  const sick = sickness(observed);
  const members = observed.instances.filter(({ lifecycle }) => lifecycle === 'InService');
  let healthy = members.filter(isHealthy).length;
  const leave = new Map<string, string>();
  for (const member of members) {
    const { id, target } = member;
    const why = sick.get(id);
    if (why === undefined || target === null || target.state.endsWith('draining')) continue;
    const left = healthy - (isHealthy(member) ? 1 : 0);
    if (left * 2 < members.length) continue;
    leave.set(id, why);
    healthy = left;
  }
  return leave;
}

/** No command moves it now, so nobody waits for it. */
export function isLost(observed: Observed, instance: Instance): boolean {
  return isOutOfReach(observed, instance) || isDeaf(observed, instance);
}

/** Its agent was last heard of long ago, or takes no command since the rollout began. */
function isOutOfReach(
  { now, timing, state }: Observed,
  { agentOnline, agentSeenAt, host }: Instance,
): boolean {
  const startedAt = state.status?.rollout?.startedAt;
  const since = agentOnline ? startedAt : (agentSeenAt ?? startedAt);
  const silent = !agentOnline || host.kind === 'unreachable';
  return silent && since !== undefined && now - since >= timing.outOfReachMs;
}

/**
 * It has accepted an intent that is yet to come (a clock had jumped, or somebody wrote it there), so it refuses all
 * others until then, and does not run what it should. One that does is left to serve. An epoch is a time that has
 * been, so it is no state's word either (`runsAhead`).
 */
export function isDeaf({ now, state }: Observed, instance: Instance): boolean {
  const { status } = state;
  const { host } = instance;
  if (status === null || host.kind !== 'reported') return false;
  const heading = isReversal(status) ? status.live : (status.rollout ?? status.live);
  const [epoch = 0] = (host.report.intent ?? '').split('.').map(Number);
  if (heading === undefined || epoch <= Math.max(now, status.epoch)) return false;
  return !isProven(instance, heading.sha256) && !lacksProbeAlone(instance, heading.sha256);
}

export const deaf = 'it refuses every command, since it has accepted an intent of the future';
