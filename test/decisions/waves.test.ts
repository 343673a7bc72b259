import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Instance } from '../../shared/decisions/model.ts';
import { wavesOf } from '../../shared/decisions/waves.ts';
import { fleetOf, movers, policy, simulate } from './simulated-rollout.ts';
import {
  comingIn,
  config,
  desiredOf,
  edited,
  evidence,
  failed,
  goingOut,
  good,
  instance,
  now,
  onLive,
  rejected,
  rollingOut,
  runs,
  whole,
  written,
} from './worlds.ts';

const answered = (zones: Record<string, number>) => fleetOf(zones, { host: runs(good, false) });

/** The same instances, of which these have moved. */
const moved = (members: Instance[], ids: string[], change: Partial<Instance> = {}) =>
  members.map((it) => (ids.includes(it.id) ? { ...it, host: runs(edited), ...change } : it));

/** Proven on the new config since so many seconds. */
const provenFor = (seconds: number) => ({
  kind: 'reported' as const,
  report: evidence({ running: edited.sha256, provenSince: Math.floor(now / 1000) - seconds }),
  at: now - 100,
  sha256: null,
});

const waveNames = (zones: Record<string, number>, text: string) =>
  wavesOf(rollingOut(answered(zones), { desired: policy(text) })).map(
    ({ name, instances }) => `${name}: ${instances.join(' ')}`,
  );

test.each([
  ['canary=1,wave=25%', ['canary: a1', 'wave 1: b1 c1', 'wave 2: a2 b2', 'wave 3: c2 a3', 'wave 4: b3']],
  ['canary=25%,wave=3', ['canary: a1 b1', 'wave 1: c1 a2 b2', 'wave 2: c2 a3 b3']],
  ['canary=0,wave=50%', ['wave 1: a1 b1 c1 a2', 'wave 2: b2 c2 a3 b3']],
  ['canary=10%,wave=1%', ['canary: a1', ...['b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3'].map(single)]],
  ['canary=20,wave=100%', ['canary: a1 b1 c1 a2 b2 c2 a3 b3']],
  ['canary=0%,wave=100%', ['wave 1: a1 b1 c1 a2 b2 c2 a3 b3']],
])('%s cuts eight hosts into waves, zones in turn', (text, waves) => {
  expect(waveNames({ a: 3, b: 3, c: 2 }, text)).toEqual(waves);
});

function single(id: string, at: number): string {
  return `wave ${at + 1}: ${id}`;
}

test('the order is the same, however the group is listed', () => {
  const members = answered({ a: 2, b: 2, c: 2 });
  const order = (list: Instance[]) =>
    wavesOf(rollingOut(list, { desired: policy('canary=1,wave=1') })).map(({ instances }) => instances[0]);
  expect(order(members.toReversed())).toEqual(order(members));
});

test('a wave takes no zone whole, and goes on when the first are healthy', () => {
  const members = answered({ a: 2, b: 2 });
  expect(movers(rollingOut(members, { desired: policy('canary=0,wave=100%') }))).toEqual(['a1', 'b1']);
  const half = moved(members, ['a1', 'b1']);
  expect(movers(rollingOut(half, { desired: policy('canary=0,wave=100%') }))).toEqual(['a2', 'b2']);
});

test('where each zone has one host, one moves at a time', () => {
  const { moves } = simulate(fleetOf({ a: 1, b: 1, c: 1 }), { policy: 'canary=0,wave=100%' });
  expect(moves).toEqual([['a1'], ['b1'], ['c1']]);
});

test('a zone whose other host is unhealthy keeps its last healthy one', () => {
  const members = answered({ a: 2, b: 2 }).map((it) =>
    it.id === 'a2' ? { ...it, target: { state: 'unhealthy', reason: '', port: 3128 } } : it,
  );
  const before = [...moved(members, ['b1'])];
  const observed = rollingOut(before, { desired: policy('canary=1,wave=100%') });
  expect(movers(observed).toSorted()).toEqual(['a2', 'b2']);
});

test.each(['unhealthy', 'initial', 'draining', 'unused'])(
  'the next wave waits while the last is %s',
  (state) => {
    const target = { state, reason: '', port: 3128 };
    const members = moved(answered({ a: 2, b: 2 }), ['a1'], { target });
    expect(movers(rollingOut(members, { desired: policy('canary=1,wave=100%') }))).toEqual([]);
  },
);

test('one that drains holds up no wave once another is proven and healthy', () => {
  const draining = { target: { state: 'draining', reason: '', port: 3128 } };
  const members = moved(answered({ a: 3, b: 3 }), ['a1', 'b1']);
  const look = (change: Partial<Instance>) =>
    movers(
      rollingOut(
        members.map((it) => (it.id === 'b1' ? { ...it, ...change } : it)),
        { desired: policy('canary=2,wave=2') },
      ),
    );
  expect(look(draining)).toEqual(['a2', 'b2']);
  // Registered again, it has to get healthy as all others.
  for (const state of ['initial', 'unhealthy'])
    expect(look({ target: { ...draining.target, state } })).toEqual([]);
});

test('the next wave waits for every one of the last', () => {
  const members = moved(answered({ a: 3, b: 3 }), ['a1', 'b1']);
  const asked = { kind: 'asked', mode: 'apply', since: now - 1_000, sha256: edited.sha256 } as const;
  const observed = rollingOut(
    members.map((it) => (it.id === 'a2' ? { ...it, host: asked } : it)),
    { desired: policy('canary=1,wave=2') },
  );
  expect(movers(observed)).toEqual([]);
  expect(wavesOf(observed).map(({ name, state }) => `${name} ${state}`)).toEqual([
    'canary done',
    'wave 1 moving',
    'wave 2 waits',
    'wave 3 waits',
  ]);
});

test('one that was unhealthy before blocks nobody and moves last', () => {
  const target = { state: 'unhealthy', reason: '', port: 3128 };
  const members = answered({ a: 2, b: 2 }).map((it) => (it.id === 'a1' ? { ...it, target } : it));
  const before = {
    rollout: { sha256: edited.sha256, forced: false, startedAt: now, unhealthyBefore: ['a1'], build: 1_000 },
  };
  const { moves, ended } = simulate(members, { policy: 'canary=1,wave=1' }, before);
  expect(moves).toEqual([['b1'], ['a2'], ['b2'], ['a1']]);
  expect(ended?.live?.sha256).toBe(edited.sha256);
  const sick = moved(members, ['a1', 'a2', 'b1'], {}).map((it) => (it.id === 'a1' ? { ...it, target } : it));
  expect(movers(rollingOut(sick, { desired: policy('canary=1,wave=1') }, before))).toEqual(['b2']);
});

test.each([
  comingIn('z1', { zone: 'ap-northeast-1a' }),
  goingOut('z1', { zone: 'ap-northeast-1a' }),
  instance('z1', { lifecycle: 'Standby' }),
  instance('z1', { lifecycle: 'Warmed:Stopped' }),
  instance('z1', { lifecycle: 'Pending' }),
])('counts leave out one that is $lifecycle', (other) => {
  const members = [...answered({ a: 2, b: 2 }), other];
  expect(waveNames({ a: 2, b: 2 }, 'canary=25%,wave=50%')).toEqual(
    wavesOf(rollingOut(members, { desired: policy('canary=25%,wave=50%') })).map(
      ({ name, instances }) => `${name}: ${instances.join(' ')}`,
    ),
  );
  const all = moved(members, ['a1', 'a2', 'b1', 'b2']);
  expect(written(rollingOut(all))?.live?.sha256).toBe(edited.sha256);
});

test('the canary soaks from when it was proven, and so does each wave', () => {
  const members = answered({ a: 2, b: 2 });
  const soaking = (seconds: number, done: string[]) =>
    members.map((it) => (done.includes(it.id) ? { ...it, host: provenFor(seconds) } : it));
  const look = (list: Instance[]) => rollingOut(list, { desired: policy('canary=1,wave=2,soak=120') });
  expect(decide(look(soaking(100, ['a1'])))[0]).toMatchObject({
    step: 'wait',
    instance: null,
    reason: 'soaking, 21 s left',
  });
  expect(movers(look(soaking(100, ['a1'])))).toEqual([]);
  expect(movers(look(soaking(121, ['a1'])))).toEqual(['a2', 'b1']);
  expect(movers(look(soaking(60, ['a1', 'a2', 'b1'])))).toEqual([]);
  expect(movers(look(soaking(121, ['a1', 'a2', 'b1'])))).toEqual(['b2']);
  expect(written(look(soaking(60, ['a1', 'a2', 'b1', 'b2'])))).toBeNull();
  expect(written(look(soaking(121, ['a1', 'a2', 'b1', 'b2'])))?.live?.sha256).toBe(edited.sha256);
});

test('a soak is not begun again by a run that asks again', () => {
  const course = { policy: 'canary=1,wave=100%,soak=30' };
  const { tookMs } = simulate(fleetOf({ a: 3, b: 3 }), course);
  const restarts = new Set([5, 10, 15, 20, 25, 30, 35]);
  expect(simulate(fleetOf({ a: 3, b: 3 }), { ...course, restarts }).tookMs - tookMs).toBeLessThan(3_000);
});

const paused = (text: string) =>
  desiredOf(config('172.31.0.0/24,172.31.9.0/24', { rollout: text, paused: 'yes' }));

test('paused stops at the boundary of a wave, not within one', () => {
  const members = answered({ a: 3, b: 3 });
  const look = (done: string[]) =>
    movers(rollingOut(moved(members, done), { desired: paused('canary=1,wave=2') }));
  expect(look([])).toEqual([]);
  expect(look(['a1'])).toEqual([]);
  expect(look(['a1', 'b1'])).toEqual(['a2']);
  expect(look(['a1', 'a2', 'b1'])).toEqual([]);
});

test('paused holds up no reversal', () => {
  const members = moved(answered({ a: 2, b: 2 }), ['a1', 'b1']);
  const steps = decide(rollingOut(members, { desired: paused('canary=1') }, { rejected }));
  expect(steps.filter(({ step }) => step === 'apply').map(({ instance: id }) => id)).toEqual(['a1', 'b1']);
});

test('paused writes live when all have moved', () => {
  const all = moved(answered({ a: 1, b: 1 }), ['a1', 'b1']);
  expect(written(rollingOut(all, { desired: paused('canary=1') }))?.live?.sha256).toBe(edited.sha256);
});

test('hosts whose agents are away go last, and hold up live', () => {
  const members = answered({ a: 2, b: 2 }).map((it) =>
    it.id === 'a1' ? { ...it, agentOnline: false, agentSeenAt: now - 599_000 } : it,
  );
  const look = (done: string[]) =>
    rollingOut(moved(members, done), { desired: policy('canary=1,wave=1') }, {});
  expect(wavesOf(look([])).map(({ instances }) => instances[0])).toEqual(['b1', 'a2', 'b2', 'a1']);
  expect(written(look(['a2', 'b1', 'b2']))).toBeNull();
  expect(decide(look(['a2', 'b1', 'b2']))[0]).toMatchObject({
    step: 'wait',
    on: 'agents',
    reason: 'waiting for a1, whose agent is offline',
  });
});

test('as many may fail as errors allows, and live still waits for them', () => {
  const look = (ids: string[], text: string) =>
    rollingOut(
      answered({ a: 4, b: 4 }).map((it) =>
        ids.includes(it.id) ? { ...it, host: failed(edited, { reason: 'disk full' }) } : it,
      ),
      { desired: policy(text) },
    );
  expect(written(look(['a1'], 'errors=0'))?.rejected).toMatchObject({ instance: 'a1', reason: 'disk full' });
  expect(written(look(['a1'], 'errors=1'))).toBeNull();
  expect(movers(look(['a1'], 'errors=1'))).toEqual(['b1']);
  expect(written(look(['a1', 'b1'], 'errors=1'))?.rejected).toBeDefined();
  expect(written(look(['a1', 'b1'], 'errors=25%'))).toBeNull();
  expect(written(look(['a1', 'a2', 'b1'], 'errors=25%'))?.rejected).toBeDefined();
  const rest = look(['a1'], 'errors=1');
  rest.instances = moved(rest.instances, ['a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'b4']);
  expect(written(rest)).toBeNull();
});

test('the newest word on the policy counts in the middle of a rollout', () => {
  const members = moved(answered({ a: 4, b: 4 }), ['a1']);
  expect(movers(rollingOut(members, { desired: policy('canary=1,wave=1') }))).toEqual(['b1']);
  expect(movers(rollingOut(members, { desired: policy('canary=1,wave=3') }))).toEqual(['a2', 'b1', 'b2']);
});

test('an empty fleet promotes nothing', () => {
  expect(written(rollingOut([]))).toBeNull();
  expect(written(rollingOut([comingIn('i-1')]))).toBeNull();
});

test('a scope of one instance moves nobody in service', () => {
  const scope = { kind: 'instance', instance: 'a1', transition: 'launch' } as const;
  expect(movers(rollingOut(answered({ a: 2 }), { scope }))).toEqual([]);
  expect(movers(rollingOut(answered({ a: 2 }), { scope: { ...whole, request: null } }))).toEqual(['a1']);
});

test('what a rollout under way has made unhealthy was not so before', () => {
  const third = desiredOf(config('172.31.0.0/24,172.31.8.0/24'));
  const target = { state: 'unhealthy', reason: '', port: 3128 };
  const members = moved(answered({ a: 2, b: 2 }), ['a1'], { target });
  expect(written(rollingOut(members, { desired: third }))).toMatchObject({
    live: onLive.live,
    rollout: { unhealthyBefore: [] },
  });
});
