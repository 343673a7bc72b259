import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Desired, Instance, Observed } from '../../shared/decisions/model.ts';
import { decideFleet } from '../../shared/decisions/rollout.ts';
import {
  comingIn,
  config,
  desiredOf,
  edited,
  evidence,
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

/** Instances in service and no status. */
function lostState(
  instances: Instance[],
  change: Partial<Observed> = {},
  found = null as typeof good | null,
) {
  const state = { status: null, version: 0, live: null, rollout: null, found };
  return world(instances, { state, ...change });
}

const steps = (observed: Observed) =>
  decide(observed).map(({ step, instance: id }) => `${step} ${id ?? ''}`.trim());
const nothing = { kind: 'reported', report: evidence({ running: null }), at: now, sha256: null } as const;
const three = (...hosts: Instance['host'][]) => hosts.map((host, at) => instance(`i-${at + 1}`, { host }));

test('asks the hosts first, and holds launches meanwhile', () => {
  const observed = lostState([
    instance('i-1'),
    instance('i-2', { host: runs(good, false) }),
    comingIn('i-9'),
  ]);
  expect(steps(observed)).toEqual(['ask i-1', 'nothing i-2', 'wait i-9']);
  expect(decide(observed)[2]).toMatchObject({ held: true });
});

test('what most hosts run is live, if it is what the parameters ask for', () => {
  const members = three(runs(edited, false), runs(good, false), runs(good, false));
  expect(written(lostState(members))).toEqual({ epoch: now, live: { sha256: good.sha256, since: now } });
});

test('what most hosts run is live, if it is still stored', () => {
  const members = three(runs(edited, false), runs(edited, false), runs(good, false));
  const observed = lostState(members, {}, edited);
  expect(decide(observed)[0]).toMatchObject({ step: 'store-config', config: { sha256: edited.sha256 } });
  expect(written(observed)?.live?.sha256).toBe(edited.sha256);
});

test('what is stored nowhere waits for somebody to ask', () => {
  const members = [...three(runs(edited, false), runs(edited, false)), comingIn('i-9')];
  const observed = lostState(members);
  expect(written(observed)).toBeNull();
  expect(steps(observed)).toEqual(['nothing i-1', 'nothing i-2', 'wait i-9']);
  expect(decideFleet(observed).refused[0]).toMatch(
    /^the state was lost: most hosts run .*, which is not stored; an apply/,
  );
  const scope = { ...whole, request: { mode: 'apply', force: false, at: now } } as const;
  expect(written({ ...observed, scope })).toEqual({
    epoch: now,
    rollout: { sha256: good.sha256, forced: false, startedAt: now, unhealthyBefore: [], build: 1_000 },
  });
});

test('a tie is broken the same way by every run', () => {
  const members = three(runs(edited, false), runs(good, false));
  expect(written(lostState(members, {}, edited))?.live).toEqual(
    written(lostState(members.toReversed(), {}, edited))?.live,
  );
});

test('with broken parameters, what is stored is live all the same', () => {
  const desired: Desired = { kind: 'mistakes', mistakes: [], editedAt: 0 };
  expect(written(lostState(three(runs(good, false)), { desired }, good))?.live?.sha256).toBe(good.sha256);
  expect(written(lostState(three(runs(good, false)), { desired }))).toBeNull();
});

test('hosts that cannot be reached are no part of the vote, and no agent at all waits', () => {
  const away = instance('i-1', { agentOnline: false });
  expect(written(lostState([away, ...three(runs(good, false)).slice(0)]))?.live?.sha256).toBe(good.sha256);
  const observed = lostState([away]);
  expect(written(observed)).toBeNull();
  expect(decideFleet(observed).says).toContain('no agent in service is online');
});

test('hosts that never ran a config of ours are brought in by a first rollout', () => {
  const observed = lostState(three(nothing, nothing));
  expect(written(observed)).toMatchObject({ epoch: now, rollout: { sha256: good.sha256 } });
});

test('nothing was lost where nothing is in service', () => {
  expect(written(lostState([comingIn('i-1')]))).toMatchObject({ rollout: { sha256: good.sha256 } });
  expect(steps(lostState([]))).toEqual([]);
});

test('a look at one instance holds it, and rebuilds nothing', () => {
  const scope = { kind: 'instance', instance: 'i-9', transition: 'launch' } as const;
  const members = [instance('i-1', { agentOnline: false }), comingIn('i-9')];
  expect(steps(lostState(members, { scope }))).toEqual(['wait i-9']);
});

const accepted = (intent: string) => ({
  kind: 'reported' as const,
  report: evidence({ intent }),
  at: now,
  sha256: null,
});

test.each([
  ['a later version', '1.4.0'],
  ['a later epoch', '2.1.0'],
])('a host that has accepted %s begins a new epoch', (_, intent) => {
  const observed = world([instance('i-1', { host: accepted(intent) })]);
  expect(written(observed)).toEqual({ ...onLive, epoch: now });
});

test.each(['1.3.1', '1.2.1', '0.9.0'])('a host that has accepted %s is not ahead', (intent) => {
  expect(written(world([instance('i-1', { host: accepted(intent) })]))).toBeNull();
});

test('a host that is ahead is believed by a run that sees the whole fleet alone', () => {
  const scope = { kind: 'instance', instance: 'i-9', transition: 'launch' } as const;
  const observed = world([instance('i-1', { host: accepted('1.9.0') }), comingIn('i-9')], { scope });
  expect(written(observed)).toBeNull();
});

test('a newer build leads for a quarter of an hour, and a downgrade goes on after that', () => {
  const host = runs(good, false);
  const at = (ms: number) => steps(rollingOut([instance('i-1', { host })], { build: 999, now: now + ms }));
  expect(at(899_999)).toEqual(['nothing i-1']);
  expect(at(900_000)).toEqual(['apply i-1']);
});

test('what a newer build has made live leads as long', () => {
  const live = { ...good, origin: { build: 1_001, parameters: {} } };
  const at = (ms: number) =>
    written(
      world([instance('i-1')], {
        desired: desiredOf(),
        now: now + ms,
        state: {
          status: { ...onLive, live: { sha256: good.sha256, since: now } },
          version: 3,
          live,
          rollout: null,
        },
      }),
    );
  expect(at(899_999)).toBeNull();
  expect(at(900_000)).toMatchObject({ rollout: { sha256: edited.sha256 } });
});

test('a newer build takes up an older rollout, and its own bytes take its place', () => {
  const host = runs(good, false);
  expect(steps(rollingOut([instance('i-1', { host })], { build: 2_000 }))).toEqual(['apply i-1']);
  const rendered = { ...edited, sha256: 'f'.repeat(64), file: `${edited.file}# by another version\n` };
  expect(
    written(rollingOut([instance('i-1', { host })], { build: 2_000, desired: desiredOf(rendered) })),
  ).toMatchObject({ rollout: { sha256: rendered.sha256, build: 2_000 } });
});

test('other bytes for the same settings lift no rejection', () => {
  const rendered = { ...edited, sha256: 'f'.repeat(64), file: `${edited.file}# by another version\n` };
  const was = { sha256: edited.sha256, settings: edited.settingsHash, instance: 'i-1', reason: 'x', at: now };
  const state = { status: { ...onLive, rejected: was }, version: 6, live: good, rollout: null };
  expect(written(world([instance('i-1')], { desired: desiredOf(rendered), state }))).toBeNull();
  const third = config('172.31.0.0/24,172.31.8.0/24');
  expect(written(world([instance('i-1')], { desired: desiredOf(third), state }))?.rejected).toBeUndefined();
});

test('a rejected edit stays rejected however young it is', () => {
  const was = { sha256: edited.sha256, settings: edited.settingsHash, instance: 'i-1', reason: 'x', at: now };
  const state = { status: { ...onLive, rejected: was }, version: 6, live: good, rollout: null };
  const observed = world([instance('i-1')], { desired: desiredOf(edited, now), state });
  expect(decideFleet(observed).says).toBe('rejected on i-1: x');
});

test('an unfit target group is named, and no edit is taken up', () => {
  const problems = ['client addresses are not kept'];
  const targetGroup = { arn: 'x', deregistrationDelayMs: 0, problems, unused: false };
  const observed = world([instance('i-1')], { desired: desiredOf(), targetGroup });
  expect(written(observed)).toBeNull();
  expect(decideFleet(observed).refused).toEqual(problems);
  const scope = { ...whole, request: { mode: 'apply', force: true, at: now } } as const;
  expect(written({ ...observed, scope })).toBeNull();
});
