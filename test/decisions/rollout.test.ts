import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import { isAct, type Observed, type Scope } from '../../shared/decisions/model.ts';
import {
  comingIn,
  config,
  desiredOf,
  edited,
  failed,
  goingOut,
  good,
  instance,
  now,
  onLive,
  rollingOut,
  runs,
  whole,
  world,
  written,
} from './worlds.ts';

const steps = (observed: Observed) =>
  decide(observed).map(({ step, instance }) => `${step} ${instance ?? ''}`.trim());

test('does nothing when everything is as it should be', () => {
  expect(decide(world([instance('i-1'), instance('i-2')])).filter((step) => step.step !== 'nothing')).toEqual(
    [],
  );
});

test('starts a rollout by writing the config, then the status', () => {
  const observed = world(
    [instance('i-1'), instance('i-2', { target: { state: 'unhealthy', reason: '', port: 3128 } })],
    {
      desired: desiredOf(),
    },
  );
  expect(steps(observed)).toEqual(['store-config', 'write-status']);
  expect(written(observed)).toEqual({
    ...onLive,
    rollout: { sha256: edited.sha256, forced: false, startedAt: now, unhealthyBefore: ['i-2'], build: 1_000 },
  });
});

test('takes up no edit that is younger than the debounce time', () => {
  expect(steps(world([instance('i-1')], { desired: desiredOf(edited, now - 2_999) }))[0]).toBe('wait');
  expect(steps(world([instance('i-1')], { desired: desiredOf(edited, now - 3_000) }))[0]).toBe(
    'store-config',
  );
});

test('asks a small fleet what it runs while an edit rests', () => {
  const asked = (size: number, event: string | undefined, of = edited) => {
    const fleet = Array.from({ length: size }, (_, at) => instance(`i-${at}`));
    const desired = { ...desiredOf(of, now - 1_000), edited: 'allowed-cidrs' };
    const scope = { ...whole, request: null, ...(event && { edited: event }) };
    return decide(world(fleet, { desired, scope })).filter(({ step }) => step === 'ask').length;
  };
  expect(asked(50, 'allowed-cidrs')).toBe(50);
  expect(asked(51, 'allowed-cidrs')).toBe(0);
  expect(asked(2, 'allowed-cidrs', config('172.31.9.0/24', { paused: 'yes' }))).toBe(0);
  expect(asked(2, 'rollout')).toBe(0);
  expect(asked(2, undefined)).toBe(0);
});

test("an edit is left to its own event's run until it has rested", () => {
  const first = (edit: string | null, scope: Partial<Extract<Scope, { kind: 'fleet' }>>, ago = 1_000) => {
    const desired = { ...desiredOf(edited, now - ago), edited: edit };
    return steps(
      world([instance('i-1')], { desired, scope: { ...whole, request: null, leaveYoung: true, ...scope } }),
    )[0];
  };
  expect(first('allowed-cidrs', { edited: 'allowed-cidrs' })).toBe('wait');
  expect(first('allowed-cidrs', { edited: 'rollout' })).toBe('nothing i-1');
  expect(first('allowed-cidrs', {})).toBe('nothing i-1');
  // Nothing tells of these: a deletion, or what may be a stale read. And who asks by hand waits himself.
  expect(first(null, {})).toBe('wait');
  expect(first('allowed-cidrs', { leaveYoung: false })).toBe('wait');
  // Nor does it ask who has raced what has just become live: the edit's own run does.
  const live = { sha256: good.sha256, since: now - 5_000 };
  const state = { status: { epoch: 1, live }, version: 3, live: good, rollout: null };
  const desired = { ...desiredOf(edited, now - 1_000), edited: 'allowed-cidrs' };
  const scope = { ...whole, request: null, leaveYoung: true };
  expect(steps(world([instance('i-1')], { desired, scope, state }))).toEqual(['nothing i-1']);
  expect(steps(world([instance('i-1')], { desired, state, scope: { ...scope, askAll: true } }))).toEqual([
    'ask i-1',
  ]);
  // It has rested, and then its run has had as long again to begin.
  expect(first('allowed-cidrs', { edited: 'allowed-cidrs' }, 3_000)).toBe('store-config');
  for (const event of ['rollout', undefined]) {
    const scope = { ...(event && { edited: event }) };
    expect(first('allowed-cidrs', scope, 5_999)).toBe('nothing i-1');
    expect(first('allowed-cidrs', scope, 6_000)).toBe('store-config');
  }
});

test('asks everybody before the first one moves', () => {
  expect(steps(rollingOut([instance('i-1'), instance('i-2')]))).toEqual(['ask i-1', 'ask i-2']);
});

test('moves one host at a time, the canary first', () => {
  const both = [instance('i-1', { host: runs(good, false) }), instance('i-2', { host: runs(good, false) })];
  expect(decide(rollingOut(both))).toMatchObject([
    {
      step: 'apply',
      instance: 'i-1',
      config: { sha256: edited.sha256 },
      intent: { epoch: 1, version: 4, rank: 1 },
    },
    { step: 'nothing', instance: 'i-2' },
  ]);
  const half = [instance('i-1', { host: runs(edited) }), both[1]!];
  expect(steps(rollingOut(half))).toEqual(['nothing i-1', 'apply i-2']);
});

test('waits with the next until the last is healthy again', () => {
  const sick = instance('i-1', {
    host: runs(edited),
    target: { state: 'unhealthy', reason: '', port: 3128 },
  });
  const next = instance('i-2', { host: runs(good, false) });
  expect(steps(rollingOut([sick, next]))).toEqual(['wait i-1', 'nothing i-2']);
});

test('takes zones in turn', () => {
  const zone = (letter: string) => ({ zone: `ap-northeast-1${letter}` });
  const hosts = [
    instance('i-1', { ...zone('a'), host: runs(edited) }),
    instance('i-2', { ...zone('a'), host: runs(good, false) }),
    instance('i-3', { ...zone('c'), host: runs(good, false) }),
  ];
  expect(steps(rollingOut(hosts))).toContain('apply i-3');
});

test('writes live only when every reachable host in service is proven', () => {
  const done = instance('i-1', { host: runs(edited) });
  for (const host of [
    runs(good),
    { kind: 'unknown' } as const,
    failed(edited, { outcome: 'busy', running: edited.sha256 }),
  ])
    expect(written(rollingOut([done, instance('i-2', { host })]))).toBeNull();
  expect(written(rollingOut([done, instance('i-2', { host: runs(edited) })]))).toEqual({
    epoch: 1,
    live: { sha256: edited.sha256, since: now },
  });
});

test('never writes live from a look at one instance', () => {
  const observed = rollingOut([instance('i-1', { host: runs(edited) })], {
    scope: { kind: 'instance', instance: 'i-1', transition: 'launch' },
  });
  expect(written(observed)).toBeNull();
});

test('an edit in the middle of a rollout takes its place', () => {
  const third = config('172.31.0.0/24,172.31.8.0/24');
  expect(written(rollingOut([instance('i-1')], { desired: desiredOf(third) }))).toMatchObject({
    rollout: { sha256: third.sha256 },
  });
});

test('an edit back in the middle rolls live out again', () => {
  const observed = rollingOut([instance('i-1')], { desired: desiredOf(good) });
  expect(written(observed)).toMatchObject({
    live: { sha256: good.sha256 },
    rollout: { sha256: good.sha256 },
  });
});

test('keeps what runs while the parameters are broken', () => {
  const mistakes = [{ parameter: 'port', version: 2, problem: 'is no number' }];
  const observed = world([instance('i-1')], {
    desired: { kind: 'mistakes', mistakes, editedAt: now - 60_000 },
  });
  expect(decide(observed)).toEqual([
    { step: 'nothing', instance: 'i-1', reason: 'parameters broken: port: is no number' },
  ]);
});

test('refuses an edit that cuts most clients off, unless forced', () => {
  const narrow = config('172.31.0.0/26');
  expect(written(world([instance('i-1')], { desired: desiredOf(narrow) }))).toBeNull();
  const scope = { ...whole, request: { mode: 'apply', force: true, at: now } } as const;
  expect(written(world([instance('i-1')], { desired: desiredOf(narrow), scope }))).toMatchObject({
    rollout: { forced: true },
  });
});

test('brings a drifted host back to live when it was asked', () => {
  const drifted = instance('i-1', { host: runs(edited, false) });
  expect(decide(world([drifted]))).toMatchObject([{ step: 'apply', config: { sha256: good.sha256 } }]);
});

test('changes nothing in service while paused', () => {
  const paused = config('172.31.0.0/24,172.31.9.0/24', { paused: 'yes' });
  const drifted = instance('i-1', { host: runs(edited, false) });
  expect(steps(world([drifted], { desired: desiredOf(paused) }))).toEqual(['nothing i-1']);
});

test('a rollout that is paused moves no further host', () => {
  const desired = config('172.31.0.0/24,172.31.9.0/24', { paused: 'yes' });
  const half = [instance('i-1', { host: runs(edited) }), instance('i-2', { host: runs(good, false) })];
  const observed = rollingOut(half, { desired: { kind: 'config', config: desired, editedAt: now - 60_000 } });
  expect(decide(observed).filter(isAct)).toEqual([]);
});

test('an older build leaves a newer rollout alone', () => {
  const observed = rollingOut([instance('i-1', { host: runs(good, false) })], { build: 999 });
  expect(decide(observed).filter(isAct)).toEqual([]);
});

test('registers an instance in service only after asking it', () => {
  const lost = instance('i-1', { target: null });
  expect(steps(world([lost]))).toEqual(['ask i-1']);
  expect(steps(world([{ ...lost, host: runs(good, false) }]))).toEqual(['register i-1']);
});

test('a launch in the middle of a rollout gets live', () => {
  expect(decide(rollingOut([comingIn('i-9'), instance('i-1')]))).toMatchObject([
    { step: 'apply', instance: 'i-9', config: { sha256: good.sha256 } },
    { step: 'ask', instance: 'i-1' },
  ]);
});

test('a host whose command came to nothing keeps live from being written', () => {
  const lost = { kind: 'unreachable', reason: 'DeliveryTimedOut', at: now } as const;
  const hosts = [instance('i-1', { host: runs(edited) }), instance('i-2', { host: lost })];
  expect(written(rollingOut(hosts))).toBeNull();
});

test('a drain writes no state, whatever there is to write', () => {
  const scope = { kind: 'instance', instance: 'i-1', transition: 'terminate' } as const;
  const none = { status: null, version: 0, live: null, rollout: null };
  expect(steps(world([goingOut('i-1')], { scope, state: none }))).toEqual(['ask i-1']);
});

test.each([
  ['while it holds', now + 1, null, false],
  ['once it has expired', now, null, true],
  ['for another config', now + 1, good.sha256, true],
])('leaves a rollout to the run that holds its lease: %s', (_, until, sha256, moves) => {
  const observed = rollingOut([instance('i-1', { host: runs(good, false) }), comingIn('i-9')]);
  observed.state.lease = { sha256: sha256 ?? edited.sha256, until };
  expect(steps(observed).includes('apply i-1')).toBe(moves);
  const asked = {
    ...observed,
    scope: { ...whole, request: { mode: 'apply', force: false, at: now } },
  } as const;
  expect(steps(asked)).toContain('apply i-1');
  // An instance that comes in waits for nobody.
  expect(steps(observed)).toContain('apply i-9');
});

test('an edit in the middle is taken up whoever holds the lease', () => {
  const third = config('172.31.0.0/24,172.31.8.0/24');
  const observed = rollingOut([instance('i-1')], { desired: desiredOf(third) });
  observed.state.lease = { sha256: edited.sha256, until: now + 1 };
  expect(written(observed)).toMatchObject({ rollout: { sha256: third.sha256 } });
});
