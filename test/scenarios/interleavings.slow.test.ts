import { beforeAll, expect, test } from 'vitest';
import { whole } from '../sample.ts';
import type { Run } from './gated-run.ts';
import { events, type SmallRegion, type Snapshot, smallRegion } from './small-region.ts';

/**
 * Two runs in one fleet, switched at every pair of their calls of AWS: the first until its i-th call, the second
 * until its j-th, then the first to its end, then the second to its end. All schedules of all pairs, some nine
 * thousand, take minutes: `npm test` takes every seventeenth of every second call's.
 */

const former = '10.0.0.0/8';
const live = '10.0.0.0/8,172.16.0.0/16';
const wide = '10.0.0.0/8,172.17.0.0/16';
/** Refused without force: most of the addresses are gone. */
const narrow = '172.16.0.0/16';

interface Pair {
  runs: [keyof typeof events, keyof typeof events];
  /** What somebody makes of allowed-cidrs before the first run, and then before the second. */
  edits: [(string | null)?, string?];
  /** The third host's Squid dies on the first edit. */
  fails?: true;
}

const pairs: Record<string, Pair> = {
  'an edit by two events': { runs: ['edit', 'edit'], edits: [wide] },
  'an edit by an event and a sweep': { runs: ['edit', 'sweep'], edits: [wide] },
  'an edit by a sweep and by hand': { runs: ['sweep', 'apply'], edits: [wide] },
  'an edit in the middle of another': { runs: ['edit', 'edit'], edits: [wide, former] },
  'an edit back by two events': { runs: ['edit', 'edit'], edits: [wide, live] },
  'an edit back by an event and a sweep': { runs: ['edit', 'sweep'], edits: [wide, live] },
  'a refused edit and force': { runs: ['edit', 'force'], edits: [narrow] },
  'force and an edit back': { runs: ['force', 'edit'], edits: [narrow, live] },
  'an edit that fails and a sweep': { runs: ['edit', 'sweep'], edits: [wide], fails: true },
  'an edit that fails and one by hand': { runs: ['edit', 'apply'], edits: [wide], fails: true },
  'an edit that fails and its edit back': { runs: ['edit', 'edit'], edits: [wide, live], fails: true },
  'an edit and a way back': { runs: ['edit', 'rollback'], edits: [wide] },
  'a way back and a sweep': { runs: ['rollback', 'sweep'], edits: [] },
  'a way back and an edit': { runs: ['rollback', 'edit'], edits: [null, wide] },
  'two ways back': { runs: ['rollback', 'rollback'], edits: [] },
};

let region: SmallRegion;
let before: Snapshot;
let runs: Run[];

beforeAll(async () => {
  region = await smallRegion();
  for (const cidrs of [former, live]) {
    region.edit('allowed-cidrs', cidrs);
    await region.over(region.start('first', events.apply));
    // Until targets are healthy, and live is no longer young.
    await region.pass(15_000);
  }
  before = region.snapshot();
  return () => region.close();
});

test.each(Object.entries(pairs))(
  '%s end on the last desired config',
  { timeout: 900_000 },
  async (_, pair) => {
    const step = whole ? 1 : 17;
    let schedules = 0;
    for (let i = 1; i === 1 || callsOf(0) >= i - 1; i += whole ? 1 : 2)
      for (let j = 1 + ((i * 7) % step); ; j += step) {
        const found = await schedule(pair, i, j);
        schedules++;
        expect(found, `the first run was held at its call ${i}, the second at ${j}`).toEqual([]);
        if (callsOf(1) < j) break;
      }
    // A run has some thirty calls at least.
    expect(schedules).toBeGreaterThan(whole ? 20 : 10);
  },
);

/**
 * One of the two dies at its switch: its call still does its work, and is the last. What only reads leaves nothing
 * behind, so these are the calls that change something. `npm test` takes every nineteenth of the switches of the
 * one that lives: some four hundred schedules.
 */
test.each(Object.entries(pairs))('%s end on it whichever dies', { timeout: 900_000 }, async (_, pair) => {
  let schedules = 0;
  for (const dies of [0, 1] as const) {
    const step = whole ? 1 : 19;
    for (let i = 1; i === 1 || callsOf(0) >= i - 1; i += dies === 1 ? step : 1)
      for (let j = 1; ; j += dies === 0 ? step : 1) {
        const found = await schedule(pair, i, j, dies);
        if (found !== null) schedules++;
        const where = `the first was held at its call ${i}, the second at ${j}, and number ${dies + 1} died there`;
        expect(found ?? [], where).toEqual([]);
        if (callsOf(1) < j || (dies === 0 && found === null)) break;
      }
  }
  expect(schedules).toBeGreaterThan(0);
});

const changes = /^(Put|Send|Delete|Register|Deregister)/;

const callsOf = (run: 0 | 1): number => runs[run]?.calls.length ?? 0;

/** What is wrong afterwards. Null when one was to die and its switch changes nothing. */
async function schedule(pair: Pair, i: number, j: number, dies?: 0 | 1): Promise<string[] | null> {
  const [first, second] = pair.runs;
  region.restore(before);
  if (pair.edits[0]) region.edit('allowed-cidrs', pair.edits[0]);
  if (pair.fails) region.hosts.behave(region.members()[2] ?? '', 'dies', region.desired().sha256);
  // Longer than an edit has to rest.
  await region.pass(300);
  const a = region.start('the first', events[first], { holdAt: i });
  runs = [a];
  await region.heldOrOver(a);
  if (dies === 0 && !dooms(a, i)) return null;
  if (pair.edits[1]) region.edit('allowed-cidrs', pair.edits[1]);
  const b = region.start('the second', events[second], { holdAt: j });
  runs = [a, b];
  await region.heldOrOver(b);
  if (dies === 1 && !dooms(b, j)) return null;
  for (const run of runs) await region.over(run);
  // Who asked in vain asks again; and what a dead run has sent arrives.
  if (dies !== undefined && pair.runs[dies] === 'force')
    await region.over(region.start('the same again', events.force));
  if (dies !== undefined) await region.pass(100);
  await region.sweepUntilQuiet();
  const errors = runs.flatMap(({ error, name }) => (error === null ? [] : [`${name} failed: ${error}`]));
  return [...errors, ...region.fleet.violations, ...region.notQuiet()];
}

function dooms(run: Run, at: number): boolean {
  if (!changes.test(run.calls[at - 1] ?? '')) return false;
  run.dies = { at, effect: true };
  return true;
}
