import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import { byHand } from '../../shared/decisions/fleet.ts';
import type { Desired, Observed, Status } from '../../shared/decisions/model.ts';
import { decideFleet } from '../../shared/decisions/rollout.ts';
import type { Config } from '../../shared/fleet/settings.ts';
import { movers } from './simulated-rollout.ts';
import {
  config,
  desiredOf,
  edited,
  failed,
  good,
  instance,
  now,
  onLive,
  rejected,
  rollingOut,
  runs,
  whole,
  world,
  written,
} from './worlds.ts';

/** What was live before `good`, and shares no address with it. */
const earlier = config('10.0.0.0/24');

const back = (to: Config = earlier, at = now) =>
  ({ ...whole, request: { mode: 'rollback', to, at } }) as const;

const taken = {
  sha256: good.sha256,
  settings: good.settingsHash,
  instance: byHand,
  reason: `rolled back by hand to ${earlier.sha256.slice(0, 12)}`,
  at: now,
};

/** On the way from `good` back to `earlier`. */
function goingBack(instances: Observed['instances'], change: Partial<Observed> = {}, status = {}): Observed {
  const rollout = {
    sha256: earlier.sha256,
    forced: false,
    startedAt: now,
    unhealthyBefore: [],
    build: 1_000,
  };
  return world(instances, {
    state: {
      status: { ...onLive, rollout, rejected: taken, ...status },
      version: 4,
      live: good,
      rollout: earlier,
    },
    ...change,
  });
}

const applied = (observed: Observed, to: Config) =>
  decide(observed).flatMap((step) =>
    step.step === 'apply' && step.config.sha256 === to.sha256 ? [step.instance] : [],
  );

test('goes back without the guards, and rejects what the parameters ask for', () => {
  const observed = world([instance('i-1')], { scope: back() });
  expect(decide(observed)).toMatchObject([
    { step: 'store-config', config: { sha256: earlier.sha256 } },
    { step: 'write-status' },
  ]);
  expect(written(observed)).toMatchObject({
    live: onLive.live,
    rejected: taken,
    rollout: { sha256: earlier.sha256 },
  });
});

test('goes back at once, by the same waves, though nobody asks a second time', () => {
  const members = ['i-1', 'i-2', 'i-3'].map((id) => instance(id, { host: runs(good, false) }));
  expect(applied(goingBack(members), earlier)).toEqual(['i-1']);
  expect(written(goingBack(members))).toBeNull();
  const done = members.map((it) => ({ ...it, host: runs(earlier) }));
  expect(written(goingBack(done))).toEqual({
    epoch: 1,
    live: { sha256: earlier.sha256, since: now },
    rejected: taken,
  });
});

test('what was taken back is not tried again by itself', () => {
  const live = { sha256: earlier.sha256, since: now - 60_000 };
  const state = { status: { epoch: 1, live, rejected: taken }, version: 5, live: earlier, rollout: null };
  expect(written(world([instance('i-1')], { state }))).toBeNull();
  const scope = { ...whole, request: { mode: 'apply', force: true, at: now + 1 } } as const;
  expect(written(world([instance('i-1')], { state, scope }))).toMatchObject({
    rollout: { sha256: good.sha256 },
  });
});

test.each<[string, Desired]>([
  ['broken', { kind: 'mistakes', mistakes: [], editedAt: now - 60_000 }],
  ['what it goes back to', desiredOf(earlier)],
])('goes back while the parameters are %s, and rejects nothing', (_, desired) => {
  const status = written(world([instance('i-1')], { scope: back(), desired }));
  expect(status).toMatchObject({ rollout: { sha256: earlier.sha256 } });
  expect(status?.rejected).toBeUndefined();
});

test('takes the place of a rollout, and keeps who was unhealthy before it', () => {
  const rollout = {
    sha256: edited.sha256,
    forced: false,
    startedAt: now,
    unhealthyBefore: ['i-7'],
    build: 1_000,
  };
  const status = written(rollingOut([instance('i-1')], { scope: back(good) }, { rollout }));
  expect(status).toMatchObject({
    live: { sha256: good.sha256 },
    rollout: { sha256: good.sha256, unhealthyBefore: ['i-7'] },
    rejected: { sha256: edited.sha256, instance: byHand },
  });
});

test('a reversal already goes back to live, and makes room for an earlier one', () => {
  expect(written(rollingOut([instance('i-1')], { scope: back(good, now + 1) }, { rejected }))).toBeNull();
  const status = written(rollingOut([instance('i-1')], { scope: back(earlier, now + 1) }, { rejected }));
  expect(status).toMatchObject({ rollout: { sha256: earlier.sha256 }, rejected: { instance: byHand } });
});

test('nothing happens where live is what was asked for', () => {
  expect(written(world([instance('i-1')], { scope: back(good) }))).toBeNull();
});

const stuck = instance('i-1', { host: failed(earlier, { outcome: 'restored', reason: 'no name server' }) });

test('one that fails goes back to live, and leaves what it came from rejected', () => {
  const status = written(goingBack([stuck, instance('i-2', { host: runs(good, false) })]));
  expect(status?.live).toEqual(onLive.live);
  expect(status?.rollout).toMatchObject({ sha256: earlier.sha256 });
  expect(status?.rejected).toMatchObject({ sha256: earlier.sha256, settings: good.settingsHash });
  expect(status?.rejected?.reason).toContain('rejected on i-1: no name server');
});

test('paused holds up no host that a failed way back has moved', () => {
  const desired = desiredOf(config('172.31.0.0/24', { paused: 'yes' }));
  const members = [stuck, ...['i-2', 'i-3'].map((id) => instance(id, { host: runs(earlier) }))];
  const { rejected: both } = written(goingBack(members, { desired })) ?? {};
  expect(applied(goingBack(members, { desired }, { rejected: both }), good)).toEqual(['i-1', 'i-2', 'i-3']);
  const returned = members.map((it) => ({ ...it, host: runs(good) }));
  expect(written(goingBack(returned, { desired }, { rejected: both }))).toEqual({
    ...onLive,
    rejected: both,
  });
});

test('one that fails is not begun again by the run that was asked for it', () => {
  const after: Status = { ...onLive, rejected: { ...taken, at: now + 1 } };
  const state = { status: after, version: 6, live: good, rollout: null };
  expect(written(world([stuck], { state, scope: back() }))).toBeNull();
});

test('one that fails to what desired is already is an ordinary rejection', () => {
  const desired = desiredOf(earlier);
  const status = written(goingBack([stuck], { desired }, { rejected: undefined }));
  expect(status).toMatchObject({
    rejected: { sha256: earlier.sha256, instance: 'i-1' },
    rollout: { sha256: earlier.sha256 },
  });
});

test('an edit in the middle of a way back takes its place', () => {
  const third = config('172.31.0.0/24,172.31.8.0/24');
  const status = written(goingBack([instance('i-1')], { desired: desiredOf(third) }));
  expect(status).toMatchObject({ rollout: { sha256: third.sha256 } });
  expect(status?.rejected).toBeUndefined();
});

test('a way back goes on while the parameters stay as they were', () => {
  const observed = goingBack([instance('i-1', { host: runs(good, false) })]);
  expect(written(observed)).toBeNull();
  expect(decideFleet(observed).says).toContain('rejected by hand');
});

test('paused holds up no way back that was asked for by hand', () => {
  const desired = desiredOf(config('172.31.0.0/24', { paused: 'yes' }));
  const members = ['i-1', 'i-2'].map((id) => instance(id, { host: runs(good, false) }));
  expect(written(world(members, { desired, scope: back() }))).toMatchObject({
    rollout: { sha256: earlier.sha256 },
  });
  expect(applied(goingBack(members, { desired }), earlier)).toEqual(['i-1']);
  const half = [instance('i-1', { host: runs(earlier) }), members[1]!];
  expect(applied(goingBack(half, { desired }), earlier)).toEqual(['i-2']);
});

test('an unfit target group holds up no way back', () => {
  const targetGroup = { arn: 'x', deregistrationDelayMs: 0, problems: ['client addresses'], unused: false };
  expect(written(world([instance('i-1')], { scope: back(), targetGroup }))).toMatchObject({
    rollout: { sha256: earlier.sha256 },
  });
});

/** Desired was edited back to what is live, in the middle of a rollout. */
function editedBack(instances: Observed['instances'], change: Partial<Observed> = {}): Observed {
  const rollout = { sha256: good.sha256, forced: false, startedAt: now, unhealthyBefore: [], build: 1_000 };
  return world(instances, {
    state: { status: { ...onLive, rollout }, version: 5, live: good, rollout: good },
    ...change,
  });
}

test('live is never rejected: a host that cannot take it is sick', () => {
  const host = failed(good, { outcome: 'unable', reason: 'disk full' });
  const sick = instance('i-1', { host, target: null });
  const others = ['i-2', 'i-3'].map((id) => instance(id, { host: runs(good, false) }));
  const status = written(editedBack([sick, ...others]));
  expect(status?.rejected).toBeUndefined();
  expect(status).toEqual({ epoch: 1, live: { sha256: good.sha256, since: now } });
});

test('live is not rejected by a host that never left it and is unhealthy', () => {
  const target = { state: 'unhealthy', reason: '', port: 3128 };
  const members = [instance('i-1', { host: runs(good, false), target }), instance('i-2')];
  expect(written(editedBack(members, { now: now + 3_600_000 }))?.rejected).toBeUndefined();
});

test('an edit back during a reversal leaves it to the reversal', () => {
  const members = ['i-1', 'i-2', 'i-3'].map((id) => instance(id, { host: runs(edited) }));
  const observed = rollingOut(members, { desired: desiredOf(good) }, { rejected });
  expect(written(observed)).toBeNull();
  expect(applied(observed, good)).toEqual(['i-1', 'i-2', 'i-3']);
  const backAll = members.map((it) => ({ ...it, host: runs(good) }));
  expect(written(rollingOut(backAll, { desired: desiredOf(good) }, { rejected }))).toEqual({
    ...onLive,
    rejected,
  });
  expect(movers(observed)).toEqual([]);
});
