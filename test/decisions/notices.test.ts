import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Act, Scope, Status } from '../../shared/decisions/model.ts';
import { noticesOfActs, noticesOfHeld } from '../../shared/decisions/notices.ts';
import { comingIn, edited, good, now, onLive, rejected, rollingOut, whole, world } from './worlds.ts';

/** What a sample in events/ says. */
const sample = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../events/${name}.json`, import.meta.url), 'utf8'));

const rollout = { sha256: edited.sha256, forced: false, startedAt: now, unhealthyBefore: [], build: 1 };
const id = 'i-0123456789abcdef0';
const [a, b] = [good.sha256.slice(0, 12), edited.sha256.slice(0, 12)];
const live = (since: number) => ({ sha256: edited.sha256, since });

function told(before: Status | null, status: Status, reason: string, prefix = 'shoal') {
  const write: Act = { step: 'write-status', instance: null, status, reason };
  const observed = world([], { state: { status: before, version: 3, live: good, rollout: null } });
  const [notice, ...others] = noticesOfActs(observed, [write], prefix);
  expect(others).toEqual([]);
  return notice;
}

const reversal = { ...onLive, rollout, rejected };

test.each<[string, Status | null, Status, string, string]>([
  ['rollout-started', onLive, { ...onLive, rollout }, 'desired is new', `${b} is rolled out: desired is new`],
  ['live', { ...onLive, rollout }, { epoch: 1, live: live(now) }, 'proven', `${b} is live: proven`],
  [
    'rejected',
    { ...onLive, rollout },
    reversal,
    'rejected on i-1: x',
    `${b} rejected, hosts go back: i-1: x`,
  ],
  [
    'rejected',
    { epoch: 1, rollout },
    { epoch: 1, rollout, rejected },
    'rejected on i-1: x',
    `${b} rejected, nothing is live: i-1: x`,
  ],
  ['reversed', reversal, { ...onLive, rejected }, 'live again', 'the way back has ended: live again'],
  ['reversed', reversal, onLive, 'i-1 is sick', 'the way back has ended: i-1 is sick'],
  [
    'rolled-back-by-hand',
    { epoch: 1, live: live(now - 9_000) },
    {
      epoch: 1,
      live: live(now - 9_000),
      rollout: { ...rollout, sha256: good.sha256 },
      rejected: { ...rejected, instance: 'by hand' },
    },
    'rolled back by hand',
    `somebody goes back to ${a}: the parameters count as rejected`,
  ],
  [
    'way-back-failed',
    { ...onLive, rollout, rejected: { ...rejected, sha256: 'c' } },
    { ...onLive, rollout, rejected: { ...rejected, sha256: rollout.sha256, reason: 'x, which failed' } },
    'rejected on i-2: y',
    'the way back has failed: rejected on i-2: y',
  ],
  ['rebuilt', null, onLive, 'the state was lost', `${a} is live again: the state was lost`],
  ['new-epoch', onLive, { ...onLive, epoch: 2 }, 'a new epoch', 'a new epoch'],
  ['rejection-lifted', { ...onLive, rejected }, onLive, 'they are gone', 'they are gone'],
])('a status that is written is one notice: %s', (transition, before, after, reason, text) => {
  expect(told(before, after, reason)).toMatchObject({
    type: 'Shoal Fleet Status',
    detail: { fleet: 'demo', transition, text: `demo: ${text}` },
  });
});

test('the samples in events/ are what is said', () => {
  const status = sample('fleet-status');
  const { sha256, reason } = status.detail;
  const verdict = { ...rejected, sha256, instance: id, reason };
  expect([status['detail-type'], status.detail]).toEqual(
    Object.values(told({ ...onLive, rollout }, { ...onLive, rollout, rejected: verdict }, reason) ?? {}),
  );
  const abandon: Act = {
    ...{ step: 'complete', instance: id, group: 'demo', hook: 'shoal-launch', result: 'ABANDON' },
    ...{ cause: 'agent', reason: 'its agent did not come online' },
  };
  const abandoned = sample('launch-abandoned');
  expect([abandoned['detail-type'], abandoned.detail]).toEqual(
    Object.values(noticesOfActs(world([]), [abandon], 'shoal')[0] ?? {}),
  );
  const held = sample('launch-held');
  expect([held['detail-type'], held.detail]).toEqual(
    Object.values(heldAt({ [id]: 5 }, instanceScope)[0] ?? {}),
  );
  for (const { source } of [status, abandoned, held]) expect(source).toBe('shoal');
});

test('another stage names itself in the command to run next', () => {
  const { next } = told(null, onLive, 'x', 'shoal-test')?.detail ?? {};
  expect(next).toBe('npm run shoal -- status demo --stage test');
});

test('what was completed with CONTINUE is no news', () => {
  const done: Act = {
    ...{ step: 'complete', instance: id, group: 'demo', hook: 'shoal-launch' },
    ...{ result: 'CONTINUE', reason: 'proven, registered and healthy' },
  };
  expect(noticesOfActs(rollingOut([]), [done], 'shoal')).toEqual([]);
});

test('what a host says breaks neither line nor quotes, and is cut', () => {
  const reason = `a\n"b"\u001b[31m\u2028\\c ${'d'.repeat(2_000)}`;
  const { detail } = told(onLive, { ...onLive, rollout }, reason) ?? {};
  expect(detail?.text).toMatch(/is rolled out: a 'b' \[31m \/c d+…$/);
  expect(detail?.text).toHaveLength(200);
  expect(detail?.reason).toHaveLength(1_000);
});

const instanceScope: Scope = { kind: 'instance', instance: id, transition: 'launch' };
const askMs = 300_000;

const why = 'held: the target group does not exist';

/** Launches that are held, by when each began, as minutes ago; null for one whose start nobody knows. */
function heldAt(minutes: Record<string, number | null>, scope: Scope, since = now, of = () => why) {
  const launches = Object.entries(minutes).map(([one, ago]) =>
    comingIn(one, { startedAt: ago === null ? null : now - ago * 60_000 }),
  );
  const held = new Map(launches.map((launch) => [launch.id, of()]));
  return noticesOfHeld(world(launches, { scope }), held, { askMs, since, prefix: 'shoal' });
}

test("a held launch is told by its event's handler after a minute", () => {
  expect(heldAt({ [id]: 0.9 }, instanceScope)).toEqual([]);
  expect(heldAt({ [id]: 1 }, instanceScope)).toMatchObject([{ detail: { instance: id } }]);
  expect(heldAt({ [id]: null }, instanceScope)).toHaveLength(1);
});

const asks: Scope = { ...whole, askAll: true, request: null };

test('a sweep tells of a held launch ever more rarely', () => {
  const minutes = Array.from({ length: 70 }, (_, at) => at * 5 + 2);
  expect(minutes.filter((it) => heldAt({ [id]: it }, asks).length > 0)).toEqual([
    7, 12, 22, 42, 82, 162, 322,
  ]);
});

test('one whose start nobody knows is told of once an hour', () => {
  const times = Array.from({ length: 24 }, (_, at) => now + at * askMs + 3_000);
  expect(times.filter((it) => heldAt({ [id]: null }, asks, it).length > 0)).toEqual([
    now + 3_000,
    now + 3_603_000,
  ]);
});

test('a hundred launches that wait for the same are one notice, as rare as that of the first', () => {
  const ids = Array.from({ length: 100 }, (_, at) => `i-${String(at).padStart(3, '0')}`);
  const minutes = Object.fromEntries(ids.map((one, at) => [one, 12 - at / 10]));
  expect(heldAt(minutes, asks).map(({ detail }) => detail)).toEqual([
    {
      ...{ fleet: 'demo', instance: 'i-000', count: 100, instances: ids },
      reason: 'the target group does not exist',
      text: 'demo: 100 launches are held (i-000, i-001 and 98 more): the target group does not exist',
      next: 'npm run shoal -- status demo',
    },
  ]);
  expect(heldAt({ ...minutes, 'i-000': 17 }, asks)).toEqual([]);
});

test('launches that wait for different things are a notice each', () => {
  const reasons = ['held: a', 'held: b', 'held: a'];
  const notices = heldAt({ 'i-1': 6, 'i-2': 6, 'i-3': null }, asks, now, () => reasons.shift() ?? '');
  expect(notices.map(({ detail }) => detail.text)).toEqual([
    'demo: 2 launches are held (i-1, i-3): a',
    'demo: launch of i-2 is held: b',
  ]);
});

test('neither a sweep that asks nobody nor a person who asks is told of what is held', () => {
  expect(heldAt({ [id]: 7 }, { ...whole, askAll: false, request: null })).toEqual([]);
  const request = { mode: 'apply', force: false, at: now } as const;
  expect(heldAt({ [id]: 7 }, { ...whole, askAll: true, request })).toEqual([]);
});
