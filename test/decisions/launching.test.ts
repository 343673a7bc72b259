import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Instance, Observed } from '../../shared/decisions/model.ts';
import { comingIn, edited, evidence, failed, good, instance, now, onLive, runs, world } from './worlds.ts';

const only = (observed: Observed) => {
  const steps = decide(observed).filter((step) => step.instance === 'i-1');
  expect(steps).toHaveLength(1);
  return steps[0]!;
};

test('waits for the agent before anything is applied', () => {
  expect(only(world([comingIn('i-1', { agentOnline: false })]))).toMatchObject({
    step: 'wait',
    on: 'agents',
  });
});

test('applies live with the intent of the state it was read from', () => {
  expect(only(world([comingIn('i-1')]))).toMatchObject({
    step: 'apply',
    config: { sha256: good.sha256 },
    intent: { epoch: 1, version: 3, rank: 0 },
  });
});

test('gives a launch live and not an edit that nothing has proven', () => {
  const observed = world([comingIn('i-1')], {
    scope: { kind: 'instance', instance: 'i-1', transition: 'launch' },
    desired: { kind: 'config', config: edited, editedAt: now - 60_000 },
  });
  expect(only(observed)).toMatchObject({ step: 'apply', config: { sha256: good.sha256 } });
});

test('gives a launch live while the parameters are broken', () => {
  const mistakes = [{ parameter: 'port', version: 2, problem: 'is no number' }];
  const observed = world([comingIn('i-1')], {
    desired: { kind: 'mistakes', mistakes, editedAt: now - 60_000 },
  });
  expect(only(observed)).toMatchObject({ step: 'apply', config: { sha256: good.sha256 } });
});

test('registers only what has been proven', () => {
  const unproven = [
    comingIn('i-1', { host: { kind: 'unknown' } }),
    comingIn('i-1', { host: { kind: 'asked', mode: 'apply', since: now, sha256: good.sha256 } }),
    comingIn('i-1', { host: runs(edited) }),
    comingIn('i-1', { host: failed(good, { outcome: 'failed', running: good.sha256 }) }),
    comingIn('i-1', { host: failed(good, { outcome: 'busy' }) }),
  ];
  for (const one of unproven) expect(only(world([one])).step).not.toBe('register');
  expect(only(world([comingIn('i-1', { host: runs(good) })])).step).toBe('register');
});

test('continues only once the balancer finds it healthy', () => {
  const at = (state: string) =>
    only(world([comingIn('i-1', { host: runs(good), target: { state, reason: '', port: 3128 } })]));
  expect(at('initial')).toMatchObject({ step: 'wait', on: 'targets' });
  expect(at('unhealthy')).toMatchObject({ step: 'wait', on: 'targets' });
  expect(at('draining')).toMatchObject({ step: 'register' });
  expect(at('healthy')).toMatchObject({ step: 'complete', result: 'CONTINUE', hook: 'shoal-launch' });
});

test('holds with heartbeats what a new machine could not cure', () => {
  const target = { state: 'unused', reason: 'Target.NotInUse', port: 3128 };
  const old = { heartbeatAt: now - 300_000 };
  const held = [
    world([comingIn('i-1', { ...old, host: runs(good), target })]),
    world([comingIn('i-1', { ...old, host: runs(good) })], { targetGroup: null }),
    world([comingIn('i-1', old)], {
      desired: { kind: 'mistakes', mistakes: [], editedAt: 0 },
      state: { status: null, version: 0, live: null, rollout: null },
    }),
  ];
  for (const observed of held) {
    expect(only(observed)).toMatchObject({ step: 'heartbeat' });
    const beaten = observed.instances.map((it) => ({ ...it, heartbeatAt: now }));
    expect(only({ ...observed, instances: beaten })).toMatchObject({ step: 'wait' });
  }
});

test('abandons a machine whose Squid rejects what others run', () => {
  expect(only(world([comingIn('i-1', { host: failed(good, { outcome: 'rejected' }) })]))).toMatchObject({
    step: 'complete',
    result: 'ABANDON',
    reason: expect.stringContaining('parse'),
  });
});

test('abandons a machine whose agent never comes, after its budget', () => {
  const late = comingIn('i-1', { agentOnline: false, startedAt: now - 601_000 });
  expect(only(world([late]))).toMatchObject({ step: 'complete', result: 'ABANDON' });
});

test('replaces nobody while no agent of the fleet is online', () => {
  const late = comingIn('i-1', { agentOnline: false, startedAt: now - 660_000, heartbeatAt: now });
  const beside = (agentOnline: boolean) => only(world([late, instance('i-2', { agentOnline })]));
  expect(beside(true)).toMatchObject({ step: 'complete', result: 'ABANDON', cause: 'agent' });
  expect(beside(false)).toMatchObject({ step: 'wait', held: true });
  const scope = { kind: 'instance', instance: 'i-1', transition: 'launch' } as const;
  expect(only(world([late], { scope }))).toMatchObject({ step: 'wait' });
});

test('abandons a machine that takes no command, when its time is spent', () => {
  const host = { kind: 'unreachable', reason: 'DeliveryTimedOut', at: now - 100 } as const;
  const after = (minutes: number, change: Partial<Instance> = { isTried: true }) => {
    const startedAt = now - minutes * 60_000;
    return only(world([comingIn('i-1', { host, startedAt, heartbeatAt: now, ...change }), instance('i-2')]));
  };
  expect(after(39)).toMatchObject({ step: 'wait' });
  expect(after(41)).toMatchObject({ step: 'complete', result: 'ABANDON', cause: 'agent' });
  expect(after(41, {})).toMatchObject({ step: 'wait' });
  // A refusal leaves no command behind: a second one after a while counts.
  expect(after(41, { host: { ...host, since: now - 100 } })).toMatchObject({ step: 'wait' });
  expect(after(41, { host: { ...host, since: now - 15_100 } })).toMatchObject({ result: 'ABANDON' });
});

test('a launch whose time was spent before its first try is tried before it is given up', () => {
  const host = failed(good, { outcome: 'unable', phase: 'install', reason: 'the disk is full' });
  const late = { host, startedAt: now - 7_200_000, heartbeatAt: now };
  const serving = instance('i-2', { host: runs(good) });
  const after = (change: Partial<Instance>) =>
    only(world([comingIn('i-1', { ...late, ...change }), serving]));
  expect(after({})).toMatchObject({ step: 'wait', held: true });
  expect(after({ isTried: true })).toMatchObject({ result: 'ABANDON', cause: 'time' });
});

test('holds a launch when the file is rejected and nobody runs it yet', () => {
  const host = failed(good, { outcome: 'rejected' });
  const rejected = {
    sha256: good.sha256,
    settings: good.settingsHash,
    instance: 'i-1',
    reason: 'bad',
    at: now,
  };
  const state = { status: { epoch: 1, rejected }, version: 3, live: null, rollout: null };
  expect(only(world([comingIn('i-1', { host })], { state }))).toMatchObject({
    step: 'wait',
    reason: expect.stringContaining('rejected'),
  });
});

test('abandons a target that stays unhealthy only while others are healthy', () => {
  const stuck = comingIn('i-1', {
    host: runs(good),
    target: { state: 'unhealthy', reason: '', port: 3128 },
    registeredAt: now - 901_000,
    startedAt: now - 950_000,
  });
  expect(only(world([stuck, instance('i-2')]))).toMatchObject({ step: 'complete', result: 'ABANDON' });
  expect(only(world([stuck]))).toMatchObject({ step: 'wait' });
});

test('a run that takes a launch over counts a target’s time from the proof', () => {
  const proven = (secondsAgo: number) => {
    const report = evidence({ provenSince: (now - secondsAgo * 1_000) / 1_000 });
    const host = { kind: 'reported', report, at: now - 30_000, sha256: null } as const;
    const target = { state: 'unhealthy', reason: '', port: 3128 };
    const late = comingIn('i-1', { host, target, startedAt: now - 1_000_000, heartbeatAt: now });
    return only(world([late, instance('i-2')])).step;
  };
  expect(proven(899)).toBe('wait');
  expect(proven(901)).toBe('complete');
});

test('leaves a storm to the sweep, which takes all of them', () => {
  const storm = ['i-1', 'i-2', 'i-3'].map((id) => comingIn(id));
  expect(
    decide(world(storm, { scope: { kind: 'instance', instance: 'i-1', transition: 'launch' } })),
  ).toEqual([]);
  const sweep = { kind: 'fleet', askAll: false, request: null, leaveYoung: true } as const;
  expect(decide(world(storm, { scope: sweep })).map(({ step }) => step)).toEqual(['apply', 'apply', 'apply']);
});

test('a sweep leaves a young launch to its handler and takes an old one', () => {
  const scope = { kind: 'fleet', askAll: false, request: null, leaveYoung: true } as const;
  expect(only(world([comingIn('i-1')], { scope })).step).toBe('nothing');
  expect(only(world([comingIn('i-1', { startedAt: now - 121_000 })], { scope })).step).toBe('apply');
});

test('prepares a machine for the warm pool without registering it', () => {
  const warm = comingIn('i-1', { lifecycle: 'Warmed:Pending:Wait', host: runs(good) });
  expect(only(world([warm]))).toMatchObject({ step: 'complete', result: 'CONTINUE' });
});

test('starts a new fleet on its first parameters, status before any host', () => {
  const none = { status: null, version: 0, live: null, rollout: null };
  const scope = { kind: 'instance', instance: 'i-1', transition: 'launch' } as const;
  expect(decide(world([comingIn('i-1')], { state: none, scope })).map(({ step }) => step)).toEqual([
    'store-config',
    'write-status',
  ]);
  const rollout = { sha256: good.sha256, forced: false, startedAt: now, unhealthyBefore: [], build: 1_000 };
  const state = { status: { epoch: now, rollout }, version: 1, live: null, rollout: good };
  expect(only(world([comingIn('i-1')], { state, scope }))).toMatchObject({
    step: 'apply',
    intent: { epoch: now, version: 1, rank: 1 },
  });
});

test('tells a stored configuration that cannot be read from none', () => {
  const state = { status: onLive, version: 3, live: null, rollout: null };
  const desired = { kind: 'config', config: edited, editedAt: now - 60_000 } as const;
  expect(only(world([comingIn('i-1')], { state, desired }))).toMatchObject({
    step: 'wait',
    reason: expect.stringContaining('cannot be read'),
  });
});

test('a target that was registered a moment ago is waited for, however old the launch', () => {
  const mended = comingIn('i-1', {
    host: runs(good),
    target: { state: 'initial', reason: '', port: 3128 },
    startedAt: now - 3_600_000,
  });
  expect(only(world([mended, instance('i-2')]))).toMatchObject({ step: 'wait', on: 'targets' });
});

test('an event of a launch is no word on a termination', () => {
  const leaving = comingIn('i-1', {
    lifecycle: 'Terminating:Wait',
    hook: { name: 'shoal-terminate', heartbeatMs: 300_000 },
  });
  expect(
    decide(world([leaving], { scope: { kind: 'instance', instance: 'i-1', transition: 'launch' } })),
  ).toEqual([]);
});
