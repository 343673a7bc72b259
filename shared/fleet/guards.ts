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
  /** In words, with what to do. */
  reason: string;
  /** False for what a live fleet can never take, because its balancer is bound to it. */
  liftedByForce: boolean;
}

const removedShareMax = 0.5;

/** What stands in the way of going from the live settings to the desired ones; empty when nothing does. */
export function guards(live: Settings, desired: Settings): Guard[] {
  const found: Guard[] = [];
  if (live.allowedCidrs.length > 0 && desired.allowedCidrs.length === 0) {
    const reason =
      'allowed-cidrs loses its last network, so no client could connect: reconcile with {"mode": "apply", "force": true} lifts this';
    found.push({ name: 'last-cidr-removed', reason, liftedByForce: true });
  } else if (removedShare(live.allowedCidrs, desired.allowedCidrs) > removedShareMax) {
    const removed = countAddresses(subtractNetworks(live.allowedCidrs, desired.allowedCidrs));
    const total = countAddresses(live.allowedCidrs);
    const reason = `${removed} of ${total} allowed addresses go, more than half: reconcile with {"mode": "apply", "force": true} lifts this`;
    found.push({ name: 'addresses-removed', reason, liftedByForce: true });
  }
  if (live.allowedDomains !== 'any' && live.domainsMode === 'enforce' && desired.allowedDomains === 'any') {
    const reason =
      'allowed-domains goes from a list back to any destination: reconcile with {"mode": "apply", "force": true} lifts this';
    found.push({ name: 'domains-to-any', reason, liftedByForce: true });
  }
  if (live.port !== desired.port) {
    const reason = `port is fixed once the fleet is live: put it back to ${live.port}, or make another fleet`;
    found.push({ name: 'port-changed', reason, liftedByForce: false });
  }
  if (live.targetGroupArn !== desired.targetGroupArn) {
    const reason =
      `target-group-arn is fixed once the fleet is live: put it back to ${live.targetGroupArn}, ` +
      'or make another fleet';
    found.push({ name: 'target-group-changed', reason, liftedByForce: false });
  }
  return found;
}
