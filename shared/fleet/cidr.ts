import { isIP } from 'node:net';
import { containsCidr, excludeCidr, mergeCidr, normalizeCidr, parseCidr } from 'cidr-tools';
import { shown } from './plain.ts';

/** A network in canonical form, or what is wrong with how it was written. */
export type NetworkReading = { network: string; version: 4 | 6 } | { problem: string };

/**
 * Reads one `address/prefix` strictly: cidr-tools takes `example.com` for an address and other parsers take
 * `10.1/16` or octal, so nothing reaches them that `isIP` has not accepted.
 */
export function readNetwork(text: string): NetworkReading {
  const [address = '', prefix, ...rest] = text.split('/');
  // An IPv6 zone (`fe80::1%eth0`) is an address to isIP, but no part of a network.
  const version = address.includes('%') ? 0 : isIP(address);
  if (version !== 4 && version !== 6) {
    return {
      problem: `${shown(text)} is no network: expected an address and a prefix length, like 10.1.0.0/16`,
    };
  }
  const bits = version === 4 ? 32 : 128;
  if (prefix === undefined) {
    return {
      problem: `${shown(text)} has no prefix length: write ${address}/${bits} if this one address is meant`,
    };
  }
  if (rest.length > 0 || !/^(0|[1-9][0-9]{0,2})$/.test(prefix) || Number(prefix) > bits) {
    return {
      problem: `${shown(text)} has no valid prefix length: expected a whole number from 0 to ${bits}`,
    };
  }
  const network = normalizeCidr(text);
  if (parseCidr(address).start !== parseCidr(network).start) {
    return { problem: `${shown(text)} has host bits set: the network it lies in is ${network}` };
  }
  return { network, version };
}

/** The smallest list that holds exactly the same addresses: canonical, ascending, IPv4 first. */
export function mergeNetworks(networks: string[]): string[] {
  const parsed = mergeCidr(networks).map(parseCidr);
  parsed.sort((a, b) => a.version - b.version || (a.start < b.start ? -1 : 1));
  return parsed.map(({ cidr }) => cidr);
}

/** The networks without the addresses of `removed`, merged. */
export function subtractNetworks(networks: string[], removed: string[]): string[] {
  return mergeNetworks(excludeCidr(networks, removed));
}

/** Whether every address of `network` lies in one of `outer`. */
export function networksContain(outer: string[], network: string): boolean {
  return containsCidr(outer, network);
}

/** How many addresses the networks hold; overlaps count once. */
export function countAddresses(networks: string[]): bigint {
  return mergeCidr(networks)
    .map(parseCidr)
    .reduce((sum, { start, end }) => sum + end - start + 1n, 0n);
}

/** The share (0 to 1) of the addresses of `before` that `after` no longer holds. */
export function removedShare(before: string[], after: string[]): number {
  const total = countAddresses(before);
  if (total === 0n) return 0;
  return Number(countAddresses(subtractNetworks(before, after))) / Number(total);
}
