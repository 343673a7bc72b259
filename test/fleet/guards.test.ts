import { expect, test } from 'vitest';
import { guards } from '../../shared/fleet/guards.ts';
import { mistakesOf, settingsOf, targetGroupArn } from './fixtures.ts';

const half = { 'allowed-cidrs': '10.0.0.0/25' };
const whole = { 'allowed-cidrs': '10.0.0.0/24' };
const domains = { 'allowed-domains': '.example.com' };
const reported = { ...domains, 'domains-mode': 'report' };
const otherGroup = { 'target-group-arn': targetGroupArn.replace('demo', 'other') };

test.each([
  ['nothing changes', whole, whole, []],
  ['networks are added', half, whole, []],
  ['exactly half of the addresses go', whole, half, []],
  [
    'more than half of the addresses go',
    whole,
    { 'allowed-cidrs': '10.0.0.0/26' },
    [['addresses-removed', true]],
  ],
  ['all addresses are replaced', whole, { 'allowed-cidrs': '10.9.0.0/16' }, [['addresses-removed', true]]],
  ['the last network goes', whole, { 'allowed-cidrs': 'none' }, [['last-cidr-removed', true]]],
  ['a closed fleet opens', { 'allowed-cidrs': 'none' }, whole, []],
  ['a list of domains goes back to any', domains, {}, [['domains-to-any', true]]],
  ['any becomes a list of domains', {}, domains, []],
  ['a list of domains grows', domains, { 'allowed-domains': '.com' }, []],
  ['a list of domains is only reported on', domains, reported, [['domains-to-any', true]]],
  ['a list that was only reported on is enforced', reported, domains, []],
  ['a list that was only reported on goes', reported, {}, []],
  ['any becomes a list that is only reported on', {}, reported, []],
  [
    'a site gives its half to another',
    { 'allowed-cidrs/a': '10.0.0.0/25' },
    { 'allowed-cidrs/b': '10.0.0.0/25' },
    [],
  ],
  ['the port changes', {}, { port: '8080' }, [['port-changed', false]]],
  ['the target group changes', {}, otherGroup, [['target-group-changed', false]]],
  [
    'several change at once',
    { ...domains, ...whole },
    { port: '8080', 'allowed-cidrs': '10.0.0.0/32' },
    [
      ['addresses-removed', true],
      ['domains-to-any', true],
      ['port-changed', false],
    ],
  ],
])('judges an edit in which %s', (_, live, desired, expected) => {
  const found = guards(settingsOf(live), settingsOf(desired));
  expect(found.map(({ name, liftedByForce }) => [name, liftedByForce])).toEqual(expected);
});

const force = 'if it is meant, reconcile with "mode": "apply" and "force": true';
const move = 'To move, make another fleet, move the clients to it, then remove this one';
test.each([
  [
    whole,
    { 'allowed-cidrs': '10.0.0.0/26' },
    `192 of 256 allowed addresses go, more than half (10.0.0.64/26, 10.0.0.128/25). Put networks back in allowed-cidrs, or ${force}`,
  ],
  [
    { 'allowed-cidrs': '10.1.0.0/24,10.2.0.0/24,10.3.0.0/24,10.4.0.0/24,10.5.0.0/24' },
    { 'allowed-cidrs': '10.1.0.0/24' },
    `1024 of 1280 allowed addresses go, more than half (10.2.0.0/24, 10.3.0.0/24, 10.4.0.0/24 and 1 more). Put networks back in allowed-cidrs, or ${force}`,
  ],
  [
    whole,
    { 'allowed-cidrs': 'none' },
    `allowed-cidrs loses its last network, so no client could connect. Put one back, or ${force}`,
  ],
  [domains, {}, `allowed-domains goes from a list back to any destination. Put the list back, or ${force}`],
  [
    domains,
    reported,
    `domains-mode goes from enforce to report, so every destination would pass. Put enforce back, or ${force}`,
  ],
  [{}, { port: '8080' }, `port is fixed once a fleet is live: put it back to 3128. ${move}`],
  [
    {},
    otherGroup,
    `target-group-arn is fixed once a fleet is live: put it back to ${targetGroupArn}. ${move}`,
  ],
])('says of %j to %j what to do', (live, desired, reason) => {
  expect(guards(settingsOf(live), settingsOf(desired)).map((guard) => guard.reason)).toEqual([reason]);
});

test('an open network is a mistake, so that there is nothing to force', () => {
  const open = { 'allowed-cidrs': '0.0.0.0/0' };
  expect(mistakesOf(open)).toHaveLength(1);
  expect(mistakesOf({ ...open, 'allow-any-source': 'no' })).toHaveLength(1);
  const allowed = settingsOf({ ...open, 'allow-any-source': 'yes' });
  expect(guards(settingsOf(whole), allowed)).toEqual([]);
});
