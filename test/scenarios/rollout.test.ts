import { afterEach, expect, test } from 'vitest';
import { type RolloutRegion, rolloutRegion } from './rollout-bed.ts';

let region: RolloutRegion;
afterEach(() => region.close());

const wide = '172.31.0.0/24,172.31.9.0/24';
const liveHash = () => region.status()?.live?.sha256;
const hasEnded = () => region.status()?.rollout === undefined;

async function settled(capacity: number, rollout?: string) {
  region = await rolloutRegion({ capacity });
  if (rollout !== undefined) region.put('demo', 'rollout', rollout);
  await region.settled();
}

test('an edit moves the canary, then waves that take no zone whole', async () => {
  await settled(8);
  const before = liveHash();
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is live', () => liveHash() !== before && hasEnded());
  const waves = region.waves(liveHash() ?? '');
  expect(waves.map((ids) => ids.length)).toEqual([1, 2, 2, 2, 1]);
  expect(new Set(waves.flat()).size).toBe(8);
  const zoneOf = (id: string) => region.group().find(({ instanceId }) => instanceId === id)?.zone;
  // Zones in turn: the first three to move are of three zones, and no two of a wave share one.
  expect(new Set(waves.flat().slice(0, 3).map(zoneOf)).size).toBe(3);
  for (const ids of waves) expect(new Set(ids.map(zoneOf)).size).toBe(ids.length);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B']);
  expect(region.running()).toBe('BBBBBBBB');
  expect(region.failures).toEqual([]);
});

test('a canary that fails is the only one ever touched', async () => {
  await settled(6);
  region.hosts.behave('*', 'dies');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is rejected and reversed', () => region.story().at(-1) === 'A, not B');
  const rejected = region.status()?.rejected;
  const touched = region.moves.filter(({ sha256 }) => sha256 === rejected?.sha256);
  expect(touched).toMatchObject([{ id: rejected?.instance, outcome: 'restored' }]);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'A ← B', 'A, not B']);
  expect(region.running()).toBe('AAAAAA');
});

test('a rollback by hand goes by waves, and what was taken back stays rejected', async () => {
  await settled(3, 'canary=1,wave=1');
  const first = liveHash() ?? '';
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is live', () => liveHash() !== first && hasEnded());
  region.moves.length = 0;
  const answer = await region.invoke({ fleet: 'demo', mode: 'rollback' });
  expect(answer.unfinished).toBe(false);
  expect(liveHash()).toBe(first);
  expect(region.waves(first).map((ids) => ids.length)).toEqual([1, 1, 1]);
  region.restartFunctions();
  await region.pass(60);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B', 'B → A, not B', 'A, not B']);
  expect(region.status()?.rejected).toMatchObject({ instance: 'by hand' });
  expect(region.running()).toBe('AAA');
});
