import { countAddresses, removedShare, subtractNetworks } from './cidr.ts';
import type { Settings } from './settings.ts';

/** Why a live fleet doesn't take an edit by itself. */
export interface Guard {
  name:
    | 'last-cidr-removed'
    | 'addresses-removed'
    | 'domains-to-any'
    | 'port-changed'
    | 'target-group-changed';
  /** What is wrong and what to do, in one sentence or two, without a full stop. */
  reason: string;
  /** False for what a live fleet can never take, because its balancer is bound to it. */
  liftedByForce: boolean;
}

const removedShareMax = 0.5;
const orForce = 'if it is meant, reconcile with "mode": "apply" and "force": true';
const orMove = 'To move, make another fleet, move the clients to it, then remove this one';

/**
 * What stands in the way of going from the live settings to the desired ones; empty when nothing does. What
 * was desired in between and never got live doesn't count. A network of 0.0.0.0/0 isn't here: without
 * allow-any-source it is a mistake, and mistakes make no desired settings.
 */
export function guards(live: Settings, desired: Settings): Guard[] {
  return [...clients(live, desired), ...destinations(live, desired), ...balancer(live, desired)];
}

function clients({ allowedCidrs: before }: Settings, { allowedCidrs: after }: Settings): Guard[] {
  if (before.length > 0 && after.length === 0) {
    const reason = `allowed-cidrs loses its last network, so no client could connect. Put one back, or ${orForce}`;
    return [{ name: 'last-cidr-removed', reason, liftedByForce: true }];
  }
  if (removedShare(before, after) <= removedShareMax) return [];
  const removed = subtractNetworks(before, after);
  const more = removed.length > 3 ? ` and ${removed.length - 3} more` : '';
  const reason =
    `${countAddresses(removed)} of ${countAddresses(before)} allowed addresses go, more than half ` +
    `(${removed.slice(0, 3).join(', ')}${more}). Put networks back in allowed-cidrs, or ${orForce}`;
  return [{ name: 'addresses-removed', reason, liftedByForce: true }];
}

/**
 * With domains-mode=report everything passes, as with no list at all. Were it not guarded, it would also be the
 * way round this guard: once it is live, the list can go without being missed.
 */
function destinations(live: Settings, desired: Settings): Guard[] {
  if (live.allowedDomains === 'any' || live.domainsMode === 'report') return [];
  const toAny = desired.allowedDomains === 'any';
  if (!toAny && desired.domainsMode === 'enforce') return [];
  const what = toAny
    ? 'allowed-domains goes from a list back to any destination. Put the list back'
    : 'domains-mode goes from enforce to report, so every destination would pass. Put enforce back';
  return [{ name: 'domains-to-any', reason: `${what}, or ${orForce}`, liftedByForce: true }];
}

function balancer(live: Settings, desired: Settings): Guard[] {
  const fixed = (name: Guard['name'], parameter: string, value: string | number): Guard => ({
    name,
    reason: `${parameter} is fixed once a fleet is live: put it back to ${value}. ${orMove}`,
    liftedByForce: false,
  });
  const found: Guard[] = [];
  if (live.port !== desired.port) found.push(fixed('port-changed', 'port', live.port));
  if (live.targetGroupArn !== desired.targetGroupArn)
    found.push(fixed('target-group-changed', 'target-group-arn', live.targetGroupArn));
  return found;
}
