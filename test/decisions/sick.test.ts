import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Instance, Observed, Status } from '../../shared/decisions/model.ts';
import { fleetOf } from './simulated-rollout.ts';
import {
  comingIn,
  desiredOf,
  edited,
  evidence,
  failed,
  good,
  instance,
  now,
  onLive,
  rejected,
  rollingOut,
  runs,
  world,
  written,
} from './worlds.ts';

const minutes = (count: number) => count * 60_000;
const lost = { agentOnline: false, agentSeenAt: now - minutes(10) };
const unhealthy = { state: 'unhealthy', reason: 'no answer', port: 3128 };

/** A rollout that has reached these, while the others are as given. */
const reached = (members: Instance[], change: Record<string, Partial<Instance>>) =>
  members.map((it) => ({ ...it, host: runs(edited), ...change[it.id] }));

const stepOf = (observed: Observed, id: string) => decide(observed).find((it) => it.instance === id);
const leavers = (observed: Observed) =>
  decide(observed).flatMap((it) => (it.step === 'deregister' ? [it.instance] : []));
const named = (observed: Observed) =>
  decide(observed).flatMap((it) =>
    it.step === 'report' && it.thing === 'sick hosts' ? [it.reason.split(':')[0]] : [],
  );

test('a host out of reach for ten minutes is named, leaves the target group, and then holds up no live', () => {
  const away = { ...lost, host: { kind: 'unknown' } as const };
  const look = (change: Partial<Instance>) =>
    rollingOut(reached(fleetOf({ a: 2, b: 2 }), { a1: { ...away, ...change } }));
  expect(named(look({}))).toEqual(['a1']);
  expect(stepOf(look({}), 'a1')).toMatchObject({
    step: 'deregister',
    reason: 'sick: not reached for 10 minutes',
  });
  expect(written(look({}))).toBeNull();
  for (const target of [null, { state: 'draining', reason: '', port: 3128 }])
    expect(written(look({ target }))?.live?.sha256).toBe(edited.sha256);
});

test('a host that was heard of less than ten minutes ago is waited for', () => {
  const soon = { agentOnline: false, agentSeenAt: now - minutes(10) + 1 };
  const observed = rollingOut(
    reached(fleetOf({ a: 2, b: 2 }), { a1: { ...soon, host: { kind: 'unknown' } } }),
  );
  expect(written(observed)).toBeNull();
  expect(named(observed)).toEqual([]);
  expect(stepOf(observed, 'a1')).toMatchObject({ step: 'report', thing: 'agents' });
});

test('a host whose agent was never heard of counts from the start of the rollout', () => {
  const never = { agentOnline: false, agentSeenAt: null, target: null, host: { kind: 'unknown' } } as const;
  const members = reached(fleetOf({ a: 2, b: 2 }), { a1: never });
  expect(written(rollingOut(members, { now: now + minutes(10) - 1 }))).toBeNull();
  expect(written(rollingOut(members, { now: now + minutes(10) }))?.live?.sha256).toBe(edited.sha256);
});

test('a host that takes no command since the rollout began is sick after ten minutes', () => {
  const host = { kind: 'unreachable', reason: 'DeliveryTimedOut', at: now + minutes(9) } as const;
  const members = reached(fleetOf({ a: 2, b: 2 }), { a1: { host, target: null } });
  expect(written(rollingOut(members, { now: now + minutes(10) - 1 }))).toBeNull();
  expect(written(rollingOut(members, { now: now + minutes(10) }))?.live?.sha256).toBe(edited.sha256);
});

test('out of reach is no sickness while nothing is rolled out', () => {
  const observed = world(fleetOf({ a: 2, b: 2 }).map((it) => (it.id === 'a1' ? { ...it, ...lost } : it)));
  expect(named(observed)).toEqual([]);
  expect(leavers(observed)).toEqual([]);
});

test('a host that may not leave holds up no live either', () => {
  const away = { ...lost, host: { kind: 'unknown' } as const };
  const members = reached(fleetOf({ a: 1, b: 1 }), { a1: away, b1: { target: unhealthy } });
  const rollout = { ...rollingOut([]).state.status?.rollout, unhealthyBefore: ['b1'] };
  expect(leavers(rollingOut(members, {}, { rollout } as Partial<Status>))).toEqual([]);
  expect(written(rollingOut(members, {}, { rollout } as Partial<Status>))?.live?.sha256).toBe(edited.sha256);
});

test('several leave at once, and half of the fleet stays healthy', () => {
  const sick = (ids: string[], change: Record<string, Partial<Instance>> = {}) => {
    const away = Object.fromEntries(ids.map((id) => [id, { ...lost, host: { kind: 'unknown' } as const }]));
    const members = reached(fleetOf({ a: 4, b: 4 }), { ...away, b4: { host: runs(good, false) }, ...change });
    return rollingOut(members);
  };
  expect(leavers(sick(['a1', 'a2']))).toEqual(['a1', 'a2']);
  expect(leavers(sick(['a1', 'a2', 'a3', 'a4', 'b1', 'b2']))).toEqual(['a1', 'a2', 'a3', 'a4']);
  expect(named(sick(['a1', 'a2', 'a3', 'a4', 'b1', 'b2']))).toHaveLength(6);
  // One that serves nobody costs nothing.
  expect(leavers(sick(['a1', 'a2'], { a1: { ...lost, target: unhealthy } }))).toEqual(['a1', 'a2']);
});

test('the healthy hosts of a fleet that is half unhealthy all stay', () => {
  const members = fleetOf({ a: 4 }).map((it) => ({
    ...it,
    host: runs(good, false),
    ...(it.id === 'a1' && { ...lost }),
    ...(['a3', 'a4'].includes(it.id) && { target: unhealthy }),
  }));
  expect(leavers(rollingOut(members))).toEqual([]);
});

test('one that is back is asked, brought along, and only then registered', () => {
  const live = { sha256: edited.sha256, since: now - minutes(5) };
  const state = { status: { epoch: 1, live }, version: 6, live: edited, rollout: null };
  const look = (host: Instance['host']) =>
    stepOf(world([instance('i-1', { target: null, host })], { state, desired: desiredOf() }), 'i-1');
  expect(look({ kind: 'unknown' })).toMatchObject({ step: 'ask' });
  expect(look(runs(good, false))).toMatchObject({ step: 'apply', config: { sha256: edited.sha256 } });
  expect(look(runs(edited))).toMatchObject({ step: 'register' });
});

/** Can't take live, and has left the target group already. */
const cannot = (id: string, change: Partial<Instance> = {}) =>
  instance(id, {
    host: failed(good, { outcome: 'unable', reason: 'disk full' }),
    target: null,
    ...change,
  });
const well = (...ids: string[]) => ids.map((id) => instance(id, { host: runs(good, false) }));

test('one that cannot be brought back to live leaves the target group, named with its reason', () => {
  const target = { state: 'healthy', reason: '', port: 3128 };
  const observed = rollingOut([cannot('i-1', { target }), ...well('i-2', 'i-3')], {}, { rejected });
  expect(written(observed)).toBeNull();
  expect(stepOf(observed, 'i-1')).toMatchObject({
    step: 'deregister',
    reason: 'sick: cannot be brought to what is live: disk full',
  });
  expect(named(observed)).toEqual(['i-1']);
});

test('a verdict is void when its host cannot take live either', () => {
  const observed = rollingOut([cannot('i-1'), ...well('i-2', 'i-3')], {}, { rejected });
  expect(written(observed)).toEqual(onLive);
});

test.each([
  ['another one is sick too', [cannot('i-1'), cannot('i-2'), ...well('i-3', 'i-4', 'i-5')]],
  ['a second trial would cost the last but one', [cannot('i-1'), ...well('i-2')]],
  ['it is another host that is sick', [...well('i-1', 'i-3', 'i-4'), cannot('i-2')]],
])('a verdict stands when %s', (_, members) => {
  expect(written(rollingOut(members, {}, { rejected }))).toEqual({ ...onLive, rejected });
});

test('a reversal waits for a host that may come back, not for one that is lost', () => {
  const away = (ms: number) => instance('i-2', { agentOnline: false, agentSeenAt: now - ms, target: null });
  const back = instance('i-1', { host: runs(good) });
  expect(written(rollingOut([back, away(minutes(9))], {}, { rejected }))).toBeNull();
  expect(written(rollingOut([back, away(minutes(10))], {}, { rejected }))).toEqual({ ...onLive, rejected });
});

test('a reversal is not over while a host has not answered', () => {
  const asked = { kind: 'asked', mode: 'apply', since: now, sha256: good.sha256 } as const;
  for (const host of [{ kind: 'unknown' } as const, asked, runs(edited), failed(good, { outcome: 'busy' })])
    expect(
      written(
        rollingOut([instance('i-1', { host: runs(good) }), instance('i-2', { host })], {}, { rejected }),
      ),
    ).toBeNull();
});

/** Proven on the new config since then. */
const provenSince = (at: number) => ({
  kind: 'reported' as const,
  report: evidence({ running: edited.sha256, provenSince: Math.floor(at / 1000) }),
  at: now,
  sha256: null,
});

test('a target that stays unhealthy on the new config for 15 minutes condemns it', () => {
  const look = (ms: number, status = {}) =>
    written(
      rollingOut(
        [instance('i-1', { host: provenSince(now - ms), target: unhealthy }), ...well('i-2', 'i-3')],
        {},
        status,
      ),
    );
  expect(look(minutes(15))).toBeNull();
  expect(look(minutes(15) + 1_000)).toMatchObject({
    rejected: { instance: 'i-1', reason: 'its target is unhealthy: no answer' },
    rollout: { sha256: edited.sha256 },
  });
  const rollout = { ...rollingOut([]).state.status?.rollout, unhealthyBefore: ['i-1'] };
  expect(look(minutes(60), { rollout })?.rejected).toBeUndefined();
});

test('a host that is still on live says nothing of the new config', () => {
  const ill = instance('i-1', { host: runs(good, false), target: unhealthy });
  expect(written(rollingOut([ill, ...well('i-2')], { now: now + minutes(60) }))).toBeNull();
});

test('a machine that comes in condemns a first config by its file alone', () => {
  const look = (outcome: 'rejected' | 'failed', live: boolean) => {
    const base = rollingOut([comingIn('i-9', { host: failed(edited, { outcome }) }), ...well('i-1')]);
    const { live: _, ...status } = base.state.status!;
    return written({
      ...base,
      state: live ? base.state : { ...base.state, status, live: null },
    });
  };
  expect(look('rejected', false)?.rejected).toMatchObject({ instance: 'i-9' });
  expect(look('failed', false)).toBeNull();
  expect(look('rejected', true)).toBeNull();
});

test('a first config that is rejected leaves every host as it is', () => {
  const base = rollingOut([comingIn('i-9'), ...well('i-1')], {}, { rejected });
  const { live: _, ...status } = base.state.status!;
  const observed = { ...base, state: { ...base.state, status, live: null } };
  expect(written(observed)).toEqual({ epoch: 1, rejected });
  const ended = { status: { epoch: 1, rejected }, version: 5, live: null, rollout: null };
  expect(decide({ ...observed, state: ended })).toMatchObject([
    { step: 'wait', instance: 'i-9', held: true, reason: 'held: nothing to run yet: rejected on i-1: x' },
    { step: 'nothing', instance: 'i-1' },
  ]);
});

test('one that runs live and cannot take it again is not sick, and its verdict stands', () => {
  const host = failed(good, { outcome: 'unable', reason: 'disk full', running: good.sha256 });
  const full = instance('i-1', { host });
  const steady = { status: { ...onLive, rejected }, version: 6, live: good, rollout: null };
  const after = world([full, ...well('i-2', 'i-3')], { desired: desiredOf(), state: steady });
  expect(named(after)).toEqual([]);
  expect(leavers(after)).toEqual([]);
  const reversed = written(rollingOut([full, ...well('i-2', 'i-3')], {}, { rejected }));
  expect(reversed).toEqual({ ...onLive, rejected });
});

/** In service on this file, and an intent of tomorrow accepted. */
const fromTomorrow = (of = good, change: Partial<Instance> = {}) => {
  const report = evidence({ running: of.sha256, intent: `${now + minutes(1_440)}.1.1` });
  return instance('i-1', { host: { kind: 'reported', report, at: now - 100, sha256: null }, ...change });
};

test('a host that follows an intent of the future is sick, and holds up no rollout', () => {
  const others = ['i-2', 'i-3'].map((id) => instance(id, { host: runs(edited) }));
  const observed = rollingOut([fromTomorrow(), ...others]);
  expect(named(observed)).toEqual(['i-1']);
  expect(leavers(observed)).toEqual(['i-1']);
  expect(written(observed)).toBeNull();
  const target = { state: 'draining', reason: '', port: 3128 };
  expect(written(rollingOut([fromTomorrow(good, { target }), ...others]))?.live?.sha256).toBe(edited.sha256);
  const asked = well('i-2', 'i-3');
  expect(stepOf(rollingOut([fromTomorrow(good, { target }), ...asked]), 'i-1')?.step).toBe('nothing');
  expect(stepOf(rollingOut([fromTomorrow(), ...asked]), 'i-2')?.step).toBe('apply');
});

test('a host that follows an intent of the future holds up no way back', () => {
  const back = ['i-2', 'i-3'].map((id) => instance(id, { host: runs(good) }));
  const out = fromTomorrow(edited, { target: null });
  expect(written(rollingOut([out, ...back], {}, { rejected }))).toEqual({ ...onLive, rejected });
});

test('a host that follows an intent of the future serves while it runs what it should', () => {
  const steady = world([fromTomorrow(), ...well('i-2', 'i-3')]);
  expect(named(steady)).toEqual([]);
  expect(leavers(steady)).toEqual([]);
  // Not what is live: no command of ours would mend that, so it counts as no drift either.
  const behind = world([fromTomorrow(edited), ...well('i-2', 'i-3')]);
  expect(leavers(behind)).toEqual(['i-1']);
  expect(stepOf(world([fromTomorrow(edited, { target: null }), ...well('i-2', 'i-3')]), 'i-1')).toMatchObject(
    {
      step: 'nothing',
      reason: 'it refuses every command, since it has accepted an intent of the future',
    },
  );
});

test('an intent of the epoch that is in force is none of the future', () => {
  const ahead = now + minutes(1_440);
  expect(named(rollingOut([fromTomorrow(), ...well('i-2', 'i-3')], {}, { epoch: ahead }))).toEqual([]);
});
