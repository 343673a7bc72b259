import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { HostKnowledge, Instance, Observed } from '../../shared/decisions/model.ts';
import { failed, good, instance, now, runs, world } from './worlds.ts';

const killed: HostKnowledge = failed(good, {
  mode: 'check',
  outcome: 'unproven',
  phase: 'proof',
  reason: 'no Squid runs',
});
const drifted: HostKnowledge = { ...killed, sha256: null } as HostKnowledge;
const fleet = (hosts: HostKnowledge[]): Instance[] =>
  hosts.map((host, index) => instance(`i-${index}`, { host }));
const stepsOf = (observed: Observed) => decide(observed).map(({ step, instance: id }) => `${step} ${id}`);

test('a host that has drifted is put right at once, and the log says from what', () => {
  expect(decide(world(fleet([drifted, ...Array(7).fill(runs(good, false))])))[0]).toMatchObject({
    step: 'apply',
    instance: 'i-0',
    reason: 'live: no Squid runs',
  });
});

test('up to a quarter of the fleet is put right together', () => {
  const hosts = [drifted, drifted, ...Array(6).fill(runs(good, false))];
  expect(stepsOf(world(fleet(hosts))).filter((it) => !it.startsWith('nothing'))).toEqual([
    'apply i-0',
    'apply i-1',
  ]);
});

test('more than a quarter is reported, and put right in small steps', () => {
  const steps = decide(world(fleet(Array(8).fill(drifted))));
  expect(steps.filter(({ step }) => step === 'apply').map((it) => it.instance)).toEqual(['i-0', 'i-1']);
  expect(steps.at(-1)).toEqual({
    step: 'report',
    instance: null,
    thing: 'drift',
    reason: '8 of 8 in service do not run what they should: repaired 2 at a time',
  });
});

test('the next go when those before them have answered', () => {
  const asked: HostKnowledge = { kind: 'asked', mode: 'apply', since: now, sha256: good.sha256 };
  const half = [asked, runs(good), ...Array(6).fill(drifted)];
  expect(stepsOf(world(fleet(half))).filter((it) => it.startsWith('apply'))).toEqual(['apply i-2']);
});

test('a host that cannot be put right lets the others go first', () => {
  const broken = failed(good, { outcome: 'unable', phase: 'swap', reason: 'no space left on device' });
  const steps = stepsOf(world(fleet([broken, broken, ...Array(6).fill(drifted)])));
  expect(steps.filter((it) => it.startsWith('apply'))).toEqual(['apply i-2', 'apply i-3']);
});

test('a fleet of three is put right one at a time', () => {
  expect(stepsOf(world(fleet(Array(3).fill(drifted)))).filter((it) => it.startsWith('apply'))).toEqual([
    'apply i-0',
  ]);
});
