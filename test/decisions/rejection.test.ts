import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Desired, Observed, Step } from '../../shared/decisions/model.ts';
import {
  comingIn,
  config,
  edited,
  failed,
  good,
  instance,
  now,
  onLive,
  rollingOut,
  runs,
  world,
} from './worlds.ts';

const status = (observed: Observed) => {
  const step = decide(observed).find((it: Step) => it.step === 'write-status');
  return step?.step === 'write-status' ? step.status : null;
};
const desired = (of = edited, editedAt = now - 60_000): Desired => ({ kind: 'config', config: of, editedAt });
const whole = { kind: 'fleet', askAll: false, leaveYoung: false } as const;

test('rejects a config that a host in service cannot take', () => {
  for (const outcome of ['rejected', 'restored', 'failed', 'unable'] as const) {
    const canary = instance('i-1', { host: failed(edited, { outcome, reason: 'no name server' }) });
    const written = status(rollingOut([canary, instance('i-2')]));
    expect(written).toMatchObject({
      live: { sha256: good.sha256 },
      rejected: {
        sha256: edited.sha256,
        settings: edited.settingsHash,
        instance: 'i-1',
        reason: 'no name server',
      },
      rollout: { sha256: edited.sha256 },
    });
  }
});

test('brings every host back to live after a rejection', () => {
  const rejected = {
    sha256: edited.sha256,
    settings: edited.settingsHash,
    instance: 'i-1',
    reason: 'x',
    at: now,
  };
  const hosts = [instance('i-1', { host: runs(edited) }), instance('i-2', { host: runs(good, false) })];
  expect(decide(rollingOut(hosts, {}, { rejected }))).toMatchObject([
    { step: 'apply', instance: 'i-1', config: { sha256: good.sha256 }, intent: { version: 4, rank: 0 } },
    { step: 'nothing', instance: 'i-2' },
  ]);
  const back = [instance('i-1', { host: runs(good) }), hosts[1]!];
  expect(status(rollingOut(back, {}, { rejected }))).toEqual({ ...onLive, rejected });
});

test('does not try a rejected config again by itself', () => {
  const rejected = {
    sha256: edited.sha256,
    settings: edited.settingsHash,
    instance: 'i-1',
    reason: 'x',
    at: now,
  };
  const state = { status: { ...onLive, rejected }, version: 6, live: good, rollout: null };
  expect(status(world([instance('i-1')], { desired: desired(), state }))).toBeNull();
  const scope = { ...whole, request: { mode: 'apply', force: false, at: now } } as const;
  expect(status(world([instance('i-1')], { desired: desired(), state, scope }))).toMatchObject({
    rollout: { sha256: edited.sha256 },
  });
});

test('forgets a rejection once the parameters are good again', () => {
  const rejected = {
    sha256: edited.sha256,
    settings: edited.settingsHash,
    instance: 'i-1',
    reason: 'x',
    at: now,
  };
  const state = { status: { ...onLive, rejected }, version: 6, live: good, rollout: null };
  expect(status(world([instance('i-1')], { state }))).toEqual(onLive);
});

test('a look at one instance ends no reversal', () => {
  const rejected = {
    sha256: edited.sha256,
    settings: edited.settingsHash,
    instance: 'i-1',
    reason: 'x',
    at: now,
  };
  const scope = { kind: 'instance', instance: 'i-9', transition: 'launch' } as const;
  const unasked = [instance('i-1', { agentOnline: false }), comingIn('i-9')];
  expect(status(rollingOut(unasked, { scope }, { rejected }))).toBeNull();
});

test('a good edit is taken up while a host cannot go back', () => {
  const rejected = {
    sha256: edited.sha256,
    settings: edited.settingsHash,
    instance: 'i-1',
    reason: 'x',
    at: now,
  };
  const third = config('172.31.0.0/24,172.31.8.0/24');
  const stuck = instance('i-1', { host: failed(good, { outcome: 'unable', reason: 'disk full' }) });
  expect(status(rollingOut([stuck], { desired: desired(third) }, { rejected }))).toMatchObject({
    rollout: { sha256: third.sha256 },
  });
});

test('asking by hand lifts an older rejection, not the one it has caused', () => {
  const at = (when: number) => {
    const rejected = {
      sha256: edited.sha256,
      settings: edited.settingsHash,
      instance: 'i-1',
      reason: 'x',
      at: when,
    };
    const state = { status: { ...onLive, rejected }, version: 6, live: good, rollout: null };
    const scope = { ...whole, request: { mode: 'apply', force: false, at: now } } as const;
    return status(world([instance('i-1')], { desired: desired(), state, scope }));
  };
  expect(at(now - 1)).toMatchObject({ rollout: { sha256: edited.sha256 } });
  expect(at(now + 1)).toBeNull();
});

test('a live configuration that is lost waits for somebody to ask for a new one', () => {
  const state = { status: onLive, version: 3, live: null, rollout: null };
  expect(status(world([instance('i-1')], { desired: desired(), state }))).toBeNull();
  const scope = { ...whole, request: { mode: 'apply', force: false, at: now } } as const;
  expect(status(world([instance('i-1')], { desired: desired(), state, scope }))).toMatchObject({
    rollout: { sha256: edited.sha256 },
  });
});
