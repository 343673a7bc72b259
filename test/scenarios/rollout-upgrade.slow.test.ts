import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Desired } from '../../shared/decisions/model.ts';
import type { Config } from '../../shared/fleet/settings.ts';
import { nameOf } from '../../shared/fleet/squid-conf.ts';
import { type RolloutRegion, rolloutRegion } from './rollout-bed.ts';

/** A new version of Shoal, which renders other bytes for the same settings, beside the old one. */

vi.mock('../../shared/control/desired.ts', async (original) => {
  const { desiredReader } = await original<typeof import('../../shared/control/desired.ts')>();
  return {
    desiredReader: ((engine, where) => {
      const reader = desiredReader(engine, where);
      return { ...reader, desired: () => renderedBy(engine.build, reader.desired()) };
    }) satisfies typeof desiredReader,
  };
});

let region: RolloutRegion;
beforeEach(() => install(1));
afterEach(async () => {
  delete process.env.SHOAL_BUILD;
  await region.close();
});

const wide = '172.31.0.0/24,172.31.9.0/24';

/** What starts from now on has been built then; what runs goes on as it is. */
function install(build: number) {
  process.env.SHOAL_BUILD = String(build);
}

function renderedBy(build: number, desired: Desired): Desired {
  if (desired.kind !== 'config' || build === 1) return desired;
  return { ...desired, config: rendered(desired.config, build) };
}

function rendered(config: Config, build: number): Config {
  const unnamed = `${config.file}# by version ${build}\n`;
  const sha256 = nameOf(unnamed) ?? '';
  return { ...config, sha256, file: unnamed.replace(config.sha256, sha256) };
}

async function settled(capacity: number, rollout: string) {
  region = await rolloutRegion({ capacity });
  region.put('demo', 'rollout', rollout);
  await region.settled();
}

/** Every invocation that begins is one of the code that is installed. */
const until = (what: string, done: () => unknown, withinMs?: number) =>
  region.until(
    what,
    () => {
      region.restartFunctions();
      return done();
    },
    withinMs,
  );

/** What each host was moved to, in order. */
const courses = () =>
  [...Map.groupBy(region.moves, ({ id }) => id).values()].map((moves) =>
    moves.map(({ sha256 }) => region.letter(sha256)).join(''),
  );

test('other bytes for the same settings are an ordinary rollout', async () => {
  await settled(4, 'canary=1,wave=2');
  install(2);
  await until('they are live', () => region.story().at(-1) === 'B');
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B']);
  expect(courses()).toEqual(['AB', 'AB', 'AB', 'AB']);
});

test('an upgrade in the middle of a rollout takes it over, and the old code leaves it alone', async () => {
  await settled(5, 'canary=1,wave=1,soak=20');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('two have moved', () => region.running() === 'AAABB');
  // The run that the edit began has a quarter of an hour left, and reads what the old code renders.
  install(2);
  await until('the new bytes are live', () => region.story().at(-1) === 'C');
  await region.pass(60);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'A → C', 'C']);
  expect(region.running()).toBe('CCCCC');
  expect(courses().sort()).toEqual(['ABC', 'ABC', 'AC', 'AC', 'AC']);
  expect(region.failures).toEqual([]);
});

test('an upgrade lifts no rejection', async () => {
  await settled(3, 'canary=1,wave=1');
  region.hosts.behave('*', 'dies');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('it is rejected', () => region.story().at(-1) === 'A, not B');
  region.hosts.behave('*', 'works');
  region.moves.length = 0;
  install(2);
  const from = Date.now();
  await until('five minutes pass', () => Date.now() > from + 300_000);
  expect(region.story().at(-1)).toBe('A, not B');
  expect(region.moves).toEqual([]);
});

test('a downgrade goes on when the newer code has led for a quarter of an hour', async () => {
  await settled(2, 'canary=1,wave=1');
  install(2);
  await until('the new bytes are live', () => region.story().at(-1) === 'B');
  const from = Date.now();
  install(1);
  await until('the old bytes are live again', () => region.story().at(-1) === 'A', 40 * 60_000);
  expect((Date.now() - from) / 60_000).toBeGreaterThan(14);
  expect(region.running()).toBe('AA');
});
