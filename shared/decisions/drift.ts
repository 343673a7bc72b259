import { isProven, isReachableMember, lacksProbeAlone, zonesInTurn } from './members.ts';
import type { Instance, Observed } from './model.ts';
import { isDeaf } from './sick.ts';

/** Hosts in service that said they don't run what is live, though no rollout is under way. */
export interface Drift {
  /** How many have drifted, those that are being repaired included. */
  length: number;
  /** Reachable instances in service. */
  members: number;
  /** How many may be repaired at the same time. */
  atOnce: number;
  /** Who has to wait until others are repaired. */
  waiting: Set<string>;
}

/**
 * A few are repaired at once. More than a quarter of the fleet is no accident of a host: somebody is at work
 * there, or what is live no longer fits, and a repair of all would cut every client off in one moment.
 */
export function drifted(observed: Observed): Drift {
  const { state, instances, now, timing } = observed;
  const members = instances.filter(isReachableMember);
  const atOnce = Math.max(1, Math.floor(members.length / 4));
  const { live, status } = state;
  if (live === null || status?.rollout !== undefined)
    return { length: 0, members: members.length, atOnce, waiting: new Set() };
  const moving = members.filter(({ host }) => host.kind === 'asked' && host.mode === 'apply');
  const behind = members.filter(
    (it) =>
      it.host.kind === 'reported' &&
      !isProven(it, live.sha256) &&
      !lacksProbeAlone(it, live.sha256) &&
      !isDeaf(observed, it),
  );
  // One that has just failed lets the others go first.
  const failed = ({ host }: Instance) =>
    host.kind === 'reported' && host.sha256 === live.sha256 && now - host.at < timing.retryMs;
  const queue = zonesInTurn(behind).sort((a, b) => Number(failed(a)) - Number(failed(b)));
  const length = moving.length + behind.length;
  const free = length > atOnce ? Math.max(0, atOnce - moving.length) : queue.length;
  const waiting = new Set(queue.slice(free).map(({ id }) => id));
  return { length, members: members.length, atOnce, waiting };
}
