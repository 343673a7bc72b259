import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import {
  comingIn,
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

test('rejects a config that a host in service cannot take', () => {
  for (const outcome of ['rejected', 'restored', 'failed', 'unable'] as const) {
    const canary = instance('i-1', { host: failed(edited, { outcome, reason: 'no name server' }) });
    expect(written(rollingOut([canary, instance('i-2')]))).toMatchObject({
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
  const hosts = [instance('i-1', { host: runs(edited) }), instance('i-2', { host: runs(good, false) })];
  expect(decide(rollingOut(hosts, {}, { rejected }))).toMatchObject([
    { step: 'apply', instance: 'i-1', config: { sha256: good.sha256 }, intent: { version: 4, rank: 0 } },
    { step: 'nothing', instance: 'i-2' },
  ]);
  const back = [instance('i-1', { host: runs(good) }), hosts[1]!];
  expect(written(rollingOut(back, {}, { rejected }))).toEqual({ ...onLive, rejected });
});

test('a reversal gives its reason once to the host that has caused it', () => {
  const { reason } = rejected;
  const culprit = instance('i-1', { host: failed(edited, { outcome: 'restored', reason }) });
  expect(decide(rollingOut([culprit], {}, { rejected }))[0]).toMatchObject({
    reason: `back to live: ${reason}`,
  });
  const other = instance('i-1', { host: failed(edited, { outcome: 'unable', reason: 'disk full' }) });
  expect(decide(rollingOut([other], {}, { rejected }))[0]).toMatchObject({
    reason: `back to live: ${reason}: disk full`,
  });
});

test('does not try a rejected config again by itself', () => {
  const state = { status: { ...onLive, rejected }, version: 6, live: good, rollout: null };
  expect(written(world([instance('i-1')], { desired: desiredOf(), state }))).toBeNull();
  const scope = { ...whole, request: { mode: 'apply', force: false, at: now } } as const;
  expect(written(world([instance('i-1')], { desired: desiredOf(), state, scope }))).toMatchObject({
    rollout: { sha256: edited.sha256 },
  });
});

test('forgets a rejection once the parameters are good again', () => {
  const state = { status: { ...onLive, rejected }, version: 6, live: good, rollout: null };
  expect(written(world([instance('i-1')], { state }))).toEqual(onLive);
});

test('a look at one instance ends no reversal', () => {
  const scope = { kind: 'instance', instance: 'i-9', transition: 'launch' } as const;
  const unasked = [instance('i-1', { agentOnline: false }), comingIn('i-9')];
  expect(written(rollingOut(unasked, { scope }, { rejected }))).toBeNull();
});

test('a good edit is taken up although a host cannot go back', () => {
  const third = config('172.31.0.0/24,172.31.8.0/24');
  const stuck = instance('i-1', { host: failed(good, { outcome: 'unable', reason: 'disk full' }) });
  const change = { desired: desiredOf(third) };
  const ended = written(rollingOut([stuck], change, { rejected }));
  expect(ended).toEqual({ ...onLive, rejected });
  const state = { status: ended, version: 5, live: good, rollout: null };
  expect(written(world([stuck], { ...change, state }))).toMatchObject({
    rollout: { sha256: third.sha256, unhealthyBefore: ['i-1'] },
  });
});

test('asking by hand lifts an older rejection, not the one it has caused', () => {
  const at = (when: number) => {
    const state = {
      status: { ...onLive, rejected: { ...rejected, at: when } },
      version: 6,
      live: good,
      rollout: null,
    };
    const scope = { ...whole, request: { mode: 'apply', force: false, at: now } } as const;
    return written(world([instance('i-1')], { desired: desiredOf(), state, scope }));
  };
  expect(at(now - 1)).toMatchObject({ rollout: { sha256: edited.sha256 } });
  expect(at(now + 1)).toBeNull();
});

test('a live configuration that is lost waits for somebody to ask for a new one', () => {
  const state = { status: onLive, version: 3, live: null, rollout: null };
  expect(written(world([instance('i-1')], { desired: desiredOf(), state }))).toBeNull();
  const scope = { ...whole, request: { mode: 'apply', force: false, at: now } } as const;
  expect(written(world([instance('i-1')], { desired: desiredOf(), state, scope }))).toMatchObject({
    rollout: { sha256: edited.sha256 },
  });
});
