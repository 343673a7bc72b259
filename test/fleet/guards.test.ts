import { expect, test } from 'vitest';
import { guards } from '../../shared/fleet/guards.ts';
import { settingsOf, targetGroupArn } from './fixtures.ts';

const half = { 'allowed-cidrs': '10.0.0.0/25' };
const whole = { 'allowed-cidrs': '10.0.0.0/24' };
const domains = { 'allowed-domains': '.example.com' };
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

test('says how many addresses would go', () => {
  const [guard] = guards(settingsOf(whole), settingsOf({ 'allowed-cidrs': '10.0.0.0/26' }));
  expect(guard?.reason).toBe(
    '192 of 256 allowed addresses go, more than half: reconcile with {"mode": "apply", "force": true} lifts this',
  );
});
