import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  countAddresses,
  mergeNetworks,
  readNetwork,
  removedShare,
  subtractNetworks,
} from '../../shared/fleet/cidr.ts';
import { addressText, naivelyAllows } from './fixtures.ts';

/** Networks close enough to each other to touch, overlap and contain one another. */
const network = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 22, max: 32 }))
  .map(([host, prefix]) => {
    const size = 2 ** (32 - prefix);
    return `${addressText(Math.floor((0x0a010000 + host * 7) / size) * size)}/${prefix}`;
  });
const networks = fc.array(network, { maxLength: 12 });
const address = fc.integer({ min: 0x0a00fff0, max: 0x0a010810 }).map(addressText);

test('merges into a list with exactly the same members', () => {
  fc.assert(
    fc.property(networks, fc.array(address, { minLength: 20, maxLength: 20 }), (list, addresses) => {
      const merged = mergeNetworks(list);
      for (const one of addresses) expect(naivelyAllows(merged, one)).toBe(naivelyAllows(list, one));
    }),
    { numRuns: 1000 },
  );
});

test('merges equal sets into equal lists', () => {
  fc.assert(
    fc.property(networks, (list) => {
      const merged = mergeNetworks(list);
      expect(mergeNetworks([...list].reverse().concat(merged))).toEqual(merged);
      expect(merged.every((one) => 'network' in readNetwork(one))).toBe(true);
    }),
  );
});

test('orders by address and puts IPv4 first', () => {
  const list = ['fd00::/16', '192.168.0.0/24', '9.0.0.0/8', 'fc00::/16', '100.0.0.0/8'];
  expect(mergeNetworks(list)).toEqual([
    '9.0.0.0/8',
    '100.0.0.0/8',
    '192.168.0.0/24',
    'fc00::/16',
    'fd00::/16',
  ]);
});

test('writes IPv6 networks in one canonical form', () => {
  expect(readNetwork('FD00:0:0:00::0/32')).toEqual({ network: 'fd00::/32', version: 6 });
});

test('takes addresses away exactly', () => {
  fc.assert(
    fc.property(networks, networks, address, (before, removed, one) => {
      const expected = naivelyAllows(before, one) && !naivelyAllows(removed, one);
      expect(naivelyAllows(subtractNetworks(before, removed), one)).toBe(expected);
    }),
    { numRuns: 1000 },
  );
});

test('counts overlapping addresses once', () => {
  expect(countAddresses(['10.0.0.0/24', '10.0.0.128/25', '10.0.1.0/24'])).toBe(512n);
  expect(countAddresses(['0.0.0.0/0'])).toBe(2n ** 32n);
});

test.each([
  [['10.0.0.0/24'], ['10.0.0.0/25'], 0.5],
  [['10.0.0.0/24'], ['10.0.0.0/16'], 0],
  [['10.0.0.0/24'], ['10.9.0.0/16'], 1],
  [['10.0.0.0/24'], [], 1],
  [[], ['10.0.0.0/24'], 0],
])('measures what goes from %j to %j', (before, after, share) => {
  expect(removedShare(before, after)).toBe(share);
});
