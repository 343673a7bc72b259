import { networksContain, subtractNetworks } from './cidr.ts';

/**
 * Never reached through the proxy, whatever the parameters say: this host, loopback, link-local and instance
 * metadata, multicast and reserved space, and the IPv6 forms that carry an IPv4 address inside.
 * Nothing in it overlaps, because Squid ignores one of two networks that do.
 */
export const refusedAlways = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2001::/32',
  '2002::/16',
  'fd00:ec2::/32',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

/** Private, shared (carrier-grade NAT) and unique-local space: refused but for what the parameters name. */
export const privateSpace = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/**
 * The private networks that stay refused. It is this complement that is rendered, and not an exception for the
 * named ones: `dst` matches when any address of a name does, so a name with one named and one other private
 * address would pass an exception and could then be connected to the other.
 */
export function refusedPrivate(privateDestinations: string[]): string[] {
  return subtractNetworks(privateSpace, privateDestinations);
}

/** Why clients can't be given this network as a private destination, or null when they can. */
export function privateDestinationProblem(network: string): string | null {
  if (networksContain(refusedAlways, network)) {
    return `${network} is loopback, link-local or metadata space, which is never reached through the proxy`;
  }
  if (!networksContain(privateSpace, network)) {
    return `${network} is not private: expected a network inside ${privateSpace.join(', ')}`;
  }
  return null;
}
