import { afterEach, expect, test } from 'vitest';
import { type RolloutRegion, rolloutRegion } from './rollout-bed.ts';
import type { VirtualOptions } from './virtual-region.ts';

/** Rollouts of one fleet, seen from outside: who moved, in which order, and what `status` says it was. */

let region: RolloutRegion;
afterEach(() => region.close());

const wide = '172.31.0.0/24,172.31.9.0/24';
const liveHash = () => region.status()?.live?.sha256;
const moved = (sha256: string) => region.waves(sha256).flat();
const ids = () => region.group().map(({ instanceId }) => instanceId);
/** Every parameter event is lost, so that sweeps alone do the work, a few seconds each. */
const sweepsAlone: VirtualOptions['deliver'] = ({ 'detail-type': type }) =>
  type === 'Parameter Store Change' ? 0 : 1;

async function settled(capacity: number, rollout: string, options: VirtualOptions = {}) {
  region = await rolloutRegion({ capacity, ...options });
  region.put('demo', 'rollout', rollout);
  await region.settled();
}

/** Edits, and waits until so many hosts have moved to what came of it; its sha256. */
async function editUntilMoved(count: number, value = wide): Promise<string> {
  region.put('demo', 'allowed-cidrs', value);
  await region.until('the rollout has begun', () => region.status()?.rollout !== undefined);
  const sha256 = region.status()?.rollout?.sha256 ?? '';
  await region.until(
    `${count} have moved`,
    () => region.moves.filter((it) => it.sha256 === sha256 && it.outcome === 'proven').length >= count,
  );
  return sha256;
}

test('a rejection outlasts ten minutes of sweeps and a restart of everything', async () => {
  await settled(4, 'canary=1,wave=50%');
  region.hosts.behave('*', 'dies');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is reversed', () => region.story().at(-1) === 'A, not B');
  region.hosts.behave('*', 'works');
  region.moves.length = 0;
  region.restartFunctions();
  await region.pass(600);
  expect(region.moves).toEqual([]);
  expect(region.story().at(-1)).toBe('A, not B');
  // What was right before is no reason to try it again, and neither is an edit of the policy.
  region.put('demo', 'rollout', 'canary=2');
  await region.pass(60);
  expect(region.story().at(-1)).toBe('A, not B');
  region.put('demo', 'allowed-cidrs', '172.31.0.0/24,172.31.8.0/24');
  await region.until('another edit is live', () => region.story().at(-1) === 'C');
});

test('a later wave that fails takes everybody back', async () => {
  await settled(6, 'canary=1,wave=2');
  const before = liveHash() ?? '';
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('the canary has moved', () => region.moves.some(({ sha256 }) => sha256 !== before));
  const canary = region.moves.find(({ sha256 }) => sha256 !== before)?.id;
  for (const id of ids()) if (id !== canary) region.hosts.behave(id, 'dies');
  await region.until('it is reversed', () => region.story().at(-1) === 'A, not B');
  const sha256 = region.status()?.rejected?.sha256 ?? '';
  // The canary, and one wave of two.
  expect(new Set(moved(sha256)).size).toBe(3);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'A ← B', 'A, not B']);
  expect(region.running()).toBe('AAAAAA');
  expect(region.targets().every(({ state }) => state === 'healthy')).toBe(true);
});

test('an error that is allowed holds nobody up, and live waits for it', async () => {
  await settled(5, 'canary=1,wave=2,errors=1');
  const bad = ids().sort()[3] as string;
  region.hosts.behave(bad, 'dies');
  await editUntilMoved(4);
  await region.pass(120);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B']);
  expect(region.running()).toBe('ABBBB');
  expect(region.targets().every(({ state }) => state === 'healthy')).toBe(true);
  region.hosts.behave(bad, 'works');
  await region.until('it is live', () => region.story().at(-1) === 'B');
  expect(region.running()).toBe('BBBBB');
});

test('one error more than allowed is too many', async () => {
  await settled(5, 'canary=1,wave=2,errors=1');
  for (const id of ids().sort().slice(3)) region.hosts.behave(id, 'dies');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is reversed', () => region.story().at(-1) === 'A, not B');
  expect(region.running()).toBe('AAAAA');
});

test.each([
  ['one run', undefined],
  ['runs of a sweep each', sweepsAlone],
])(
  'a soak of a minute is kept over %s',
  async (_, deliver) => {
    await settled(6, 'canary=1,wave=2,soak=60', { ...(deliver && { deliver }) });
    const before = liveHash();
    region.put('demo', 'allowed-cidrs', wide);
    await region.until('it is live', () => liveHash() !== before && region.status()?.rollout === undefined);
    const at = region.waves(liveHash() ?? '').map((wave) => {
      const of = region.moves.filter(({ id, sha256 }) => sha256 === liveHash() && wave.includes(id));
      return {
        size: wave.length,
        from: Math.min(...of.map(({ from }) => from)),
        to: Math.max(...of.map(({ to }) => to)),
      };
    });
    expect(at.map(({ size }) => size)).toEqual([1, 2, 2, 1]);
    const gaps = at.map(
      ({ to }, wave) => ((at[wave + 1]?.from ?? region.status()?.live?.since ?? 0) - to) / 1000,
    );
    for (const seconds of gaps) {
      expect(seconds).toBeGreaterThanOrEqual(60);
      expect(seconds).toBeLessThan(80);
    }
  },
  60_000,
);

test('a machine launched during a rollout gets live first and is brought along afterwards', async () => {
  await settled(3, 'canary=1,wave=1,soak=20');
  const sha256 = await editUntilMoved(1);
  region.capacity(4);
  await region.until('four are in service', () => region.inService().length === 4);
  const young = ids().at(-1) as string;
  expect(region.statusOf('demo')?.rollout).toBeDefined();
  await region.until('it is live', () => region.story().at(-1) === 'B');
  const its = region.moves.filter(({ id }) => id === young).map((move) => region.letter(move.sha256));
  expect(its).toEqual(['A', 'B']);
  expect(moved(sha256)).toHaveLength(4);
  expect(region.running()).toBe('BBBB');
  expect(region.failures).toEqual([]);
});

test('a scale-in in the middle of a rollout holds it up as little as it is held up', async () => {
  await settled(6, 'canary=1,wave=1,soak=5');
  await editUntilMoved(2);
  region.capacity(3);
  await region.until('three are left', () => ids().length === 3);
  await region.until('it is live', () => region.story().at(-1) === 'B');
  expect(region.running()).toBe('BBB');
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B']);
  expect(region.failures).toEqual([]);
});

test('paused stops a rollout at the next wave, launches get live, and it goes on afterwards', async () => {
  await settled(6, 'canary=1,wave=2,soak=10');
  await editUntilMoved(1);
  region.put('demo', 'paused', 'yes');
  await region.pass(120);
  expect(region.running()).toBe('AAAAAB');
  region.capacity(7);
  await region.until('seven are in service', () => region.inService().length === 7);
  await region.pass(60);
  expect(region.running()).toBe('AAAAAAB');
  region.put('demo', 'paused', 'no');
  await region.until('it is live', () => region.story().at(-1) === 'B');
  expect(region.running()).toBe('BBBBBBB');
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B']);
});

test('a way back by hand goes on while the fleet is paused', async () => {
  await settled(3, 'canary=1,wave=1,soak=10');
  await editUntilMoved(2);
  region.put('demo', 'paused', 'yes');
  await region.invoke({ fleet: 'demo', mode: 'rollback' });
  await region.until('it is taken back', () => region.story().at(-1) === 'A, not B');
  expect(region.running()).toBe('AAA');
});

test('an edit back in the middle ends on live, and every host that moved has gone back', async () => {
  await settled(5, 'canary=1,wave=1,soak=5');
  await editUntilMoved(2);
  region.put('demo', 'allowed-cidrs', '172.31.0.0/24');
  await region.until('it has ended', () => region.status()?.rollout === undefined);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'A → A', 'A']);
  expect(region.running()).toBe('AAAAA');
});

test('an edit in the middle takes the place of the first, which is never live', async () => {
  await settled(5, 'canary=1,wave=1,soak=5');
  await editUntilMoved(2);
  region.put('demo', 'allowed-cidrs', '172.31.0.0/24,172.31.8.0/24');
  await region.until('the second is live', () => region.story().at(-1) === 'C');
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'A → C', 'C']);
  expect(region.running()).toBe('CCCCC');
});

test('a host that follows an intent of the future serves nobody what is old, until it is mended', async () => {
  await settled(4, 'canary=1,wave=50%');
  const deaf = ids().sort()[0] as string;
  const machine = region.hosts.machines.get(deaf);
  Object.assign(machine ?? {}, { intent: `${Date.now() + 86_400_000}.1.1` });
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is live', () => region.story().at(-1) === 'B');
  expect(region.running()).toBe('ABBB');
  await region.until('it has drained', () => region.targets().length === 3);
  await region.pass(130);
  expect(region.targets().some(({ id }) => id === deaf)).toBe(false);
  Object.assign(machine ?? {}, { intent: null });
  await region.until('it is back', () => region.targets().length === 4);
  expect(region.running()).toBe('BBBB');
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B']);
  expect(region.failures).toEqual([]);
});
