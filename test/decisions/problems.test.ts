import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import { metricsOfActs, metricsOfLook } from '../../shared/decisions/metrics.ts';
import type { Act, Instance, Observed } from '../../shared/decisions/model.ts';
import {
  comingIn,
  edited,
  goingOut,
  good,
  instance,
  now,
  onLive,
  rejected,
  rollingOut,
  runs,
  world,
} from './worlds.ts';

const unhealthy = { state: 'unhealthy', reason: 'Target.FailedHealthChecks', port: 3128 };
const reports = (observed: Observed) => decide(observed).filter(({ step }) => step === 'report');

test('a target that looks wrong has its host asked, though it is not its time', () => {
  expect(decide(world([instance('i-1', { target: unhealthy }), instance('i-2')]))).toMatchObject([
    { step: 'ask', instance: 'i-1', reason: 'its target is unhealthy: Target.FailedHealthChecks' },
    { step: 'nothing', instance: 'i-2' },
  ]);
});

test('a target unhealthy behind a proven Squid is reported', () => {
  const one = instance('i-1', { target: unhealthy, host: runs(good, false) });
  expect(reports(world([one]))).toMatchObject([
    { instance: 'i-1', thing: 'targets', reason: expect.stringContaining('its Squid is proven') },
  ]);
});

test('one that has just been put right is given time to get healthy', () => {
  const one = instance('i-1', { target: unhealthy, host: runs(good) });
  expect(decide(world([one]))).toMatchObject([{ step: 'nothing', reason: 'runs live' }]);
});

test('a host that is put right counts as drift, one of a rollout does not', () => {
  const one = instance('i-1');
  const intent = { epoch: 1, version: 1, rank: 0 } as const;
  const apply: Act[] = [{ step: 'apply', instance: 'i-1', config: good, intent, reason: 'x' }];
  expect(metricsOfActs(world([one]), apply, () => undefined)).toEqual([metric('Drift', 1)]);
  expect(metricsOfActs(rollingOut([one]), apply, () => undefined)).toEqual([]);
});

test('an agent that is offline is reported', () => {
  expect(reports(world([instance('i-1', { agentOnline: false })]))).toMatchObject([
    { instance: 'i-1', thing: 'agents' },
  ]);
});

test.each<[string, Partial<Observed>, string]>([
  [
    'a group',
    { groupProblems: [{ thing: 'lifecycle hooks', reason: 'demo has no hook' }] },
    'lifecycle hooks',
  ],
  ['the target group', target({ problems: ['client addresses are not kept'] }), 'target group'],
  ['a target group that is gone', { targetGroup: null }, 'target group'],
  ['the balancer', target({ unused: true }), 'listener'],
])('what is wrong with %s is reported with each look at the fleet', (_, change, thing) => {
  expect(reports(world([instance('i-1')], change))).toMatchObject([{ instance: null, thing }]);
  const scope = { kind: 'instance', instance: 'i-1', transition: 'launch' } as const;
  expect(reports(world([instance('i-1')], { ...change, scope }))).toEqual([]);
});

test('a look counts what is held, wrong and well, also when there is nothing', () => {
  const held = comingIn('i-1', { host: runs(good) });
  const observed = world([held, instance('i-2', { agentOnline: false })], { targetGroup: null });
  expect(metricsOfLook(observed, decide(observed))).toEqual([
    ...both('HeldLaunches', 1),
    ...both('Rejected', 0),
    ...both('UnwellHosts', 1),
    ...both('Drifted', 0),
    metric('InService', 1),
    metric('HealthyTargets', 1),
    metric('Problems', 1, { problem: 'agents' }),
    metric('Problems', 1, { problem: 'target group' }),
  ]);
  const quiet = world([instance('i-1', { host: runs(good) })]);
  expect(metricsOfLook(quiet, decide(quiet))).toEqual([
    ...both('HeldLaunches', 0),
    ...both('Rejected', 0),
    ...both('UnwellHosts', 0),
    ...both('Drifted', 0),
    metric('InService', 1),
    metric('HealthyTargets', 1),
  ]);
});

test("another build's document is a problem, counted while it lasts", () => {
  const refused = { kind: 'unreachable', reason: 'x', at: now, upgrading: true } as const;
  const observed = world([instance('i-1', { host: refused }), instance('i-2')]);
  expect(reports(observed)).toMatchObject([
    { instance: null, thing: 'document', reason: expect.stringContaining('deploy again') },
  ]);
  const counted = metricsOfLook(observed, decide(observed));
  expect(counted).toEqual(
    expect.arrayContaining([...both('OtherDocument', 1), metric('Problems', 1, { problem: 'document' })]),
  );
});

test('hosts that do not run what they should are counted where all were asked', () => {
  const drifted = (...instances: Instance[]) => {
    const observed = world(instances);
    return metricsOfLook(observed, decide(observed)).filter(({ name }) => name === 'Drifted');
  };
  const other = instance('i-1', { host: runs(edited) });
  expect(drifted(other, instance('i-2', { host: runs(good) }))).toEqual(both('Drifted', 1));
  expect(drifted(other, instance('i-2'))).toEqual([]);
});

test('what is rejected or broken is counted at each look', () => {
  const { state } = world([]);
  const observed = world([instance('i-1', { host: runs(good) })], {
    state: { ...state, status: { ...onLive, rejected } },
  });
  expect(metricsOfLook(observed, decide(observed))).toEqual(expect.arrayContaining(both('Rejected', 1)));
  const broken = world([], { desired: { kind: 'mistakes', mistakes: [], editedAt: 0 } });
  expect(metricsOfLook(broken, [])).toEqual(expect.arrayContaining(both('Rejected', 1)));
});

test('an admission counts with the time of each phase that this run has seen', () => {
  const done: Record<string, number> = { apply: now - 3_000, register: now - 2_000 };
  const complete = acts(comingIn('i-1', { startedAt: now - 10_000 }), 'CONTINUE');
  expect(metricsOfActs(...complete, (step) => done[step])).toEqual([
    metric('Admissions', 1),
    seconds('AdmissionDuration', 10),
    seconds('PhaseDuration', 7, { phase: 'agent' }),
    seconds('PhaseDuration', 1, { phase: 'proof' }),
    seconds('PhaseDuration', 2, { phase: 'health' }),
  ]);
  expect(metricsOfActs(...complete, () => undefined)).toEqual([
    metric('Admissions', 1),
    seconds('AdmissionDuration', 10),
  ]);
});

test('what was given up counts by its cause, and a drain with its time', () => {
  const [observed, given] = acts(comingIn('i-1'), 'ABANDON');
  const abandoned = given.map((act) => ({ ...act, cause: 'agent' }) as Act);
  expect(metricsOfActs(observed, abandoned, () => undefined)).toEqual([
    metric('AdmissionFailures', 1, { cause: 'agent' }),
    { ...metric('AdmissionFailures', 1), dimensions: {} },
  ]);
  const drained = acts(goingOut('i-1', { startedAt: now - 150_000 }), 'CONTINUE');
  expect(metricsOfActs(...drained, () => undefined)).toEqual([
    metric('Drains', 1),
    seconds('DrainDuration', 150),
  ]);
});

function target(change: object): Partial<Observed> {
  return { targetGroup: { ...world([]).targetGroup!, ...change } };
}

function acts(one: Instance, result: 'CONTINUE' | 'ABANDON'): [Observed, Act[]] {
  const act = { instance: one.id, group: one.group, hook: one.hook?.name ?? '', result, reason: 'x' };
  return [world([one]), [{ step: 'complete', ...act }]];
}

/** Of the fleet, and of all fleets. */
function both(name: string, value: number) {
  return [metric(name, value), { ...metric(name, value), dimensions: {} }];
}

function metric(name: string, value: number, more: Record<string, string> = {}) {
  return { name, unit: 'Count', value, dimensions: { fleet: 'demo', ...more } };
}

function seconds(name: string, value: number, more: Record<string, string> = {}) {
  return { ...metric(name, value, more), unit: 'Seconds' };
}
