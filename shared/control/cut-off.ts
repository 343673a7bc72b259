import { networksContain, subtractNetworks } from '../fleet/cidr.ts';
import type { Settings } from '../fleet/settings.ts';

/** What a host says of its clients: some of their addresses, and how many there are in all. */
export interface Connected {
  instance: string;
  clients: string[];
  clientsTotal: number;
}

/** Whom an edit would cut off. */
export interface CutOff {
  /** By address, the most connected first, at most 100; with the instances that the client is connected to. */
  clients: { client: string; instances: string[] }[];
  /** How many known clients it would cut off, listed or not. */
  total: number;
  /** How many more are connected that no host named, counted on each: any of them may be cut off too. */
  unnamed: number;
  /** `closed`: at once. `kept`: tunnels that are open go on until they end; nothing new is let in. */
  tunnels: 'closed' | 'kept';
}

const listedMax = 100;

type Networks = Pick<Settings, 'allowedCidrs'>;

/**
 * The connected clients whose network the desired settings no longer allow. One that live doesn't allow either is
 * left out: it is being refused already, whatever the edit. Without live, everybody who is connected counts as
 * allowed until now.
 */
export function cutOff(
  connected: Connected[],
  live: Networks | null,
  desired: Networks & Pick<Settings, 'onRevoke'>,
): CutOff {
  const before = live === null ? ['0.0.0.0/0'] : live.allowedCidrs;
  const removed = subtractNetworks(before, desired.allowedCidrs);
  const found = new Map<string, string[]>();
  let unnamed = 0;
  for (const { instance, clients, clientsTotal } of connected) {
    unnamed += Math.max(0, clientsTotal - clients.length);
    for (const client of clients) found.set(client, [...(found.get(client) ?? []), instance]);
  }
  const clients = [...found]
    .filter(([client]) => networksContain(removed, client))
    .map(([client, instances]) => ({ client, instances }))
    .sort((a, b) => b.instances.length - a.instances.length || compare(a.client, b.client));
  return {
    clients: clients.slice(0, listedMax),
    total: clients.length,
    unnamed: removed.length === 0 ? 0 : unnamed,
    tunnels: desired.onRevoke === 'keep' ? 'kept' : 'closed',
  };
}

/** By their numbers, so that 10.0.0.9 comes before 10.0.0.10. */
function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
