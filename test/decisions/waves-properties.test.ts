import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Instance } from '../../shared/decisions/model.ts';
import { type Course, fleetOf, type Rollout, simulate } from './simulated-rollout.ts';
import { edited, instance } from './worlds.ts';

/** Whole rollouts of random fleets by random policies, at random speeds, with runs that come and go. */

const share = (least: number) =>
  fc.oneof(
    fc.record({ text: fc.integer({ min: least, max: 5 }).map(String) }),
    fc.record({ text: fc.integer({ min: least, max: 100 }).map((percent) => `${percent}%`) }),
  );
const anyRollout = fc
  .record({
    zones: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    canary: share(0),
    wave: share(1),
    takesMs: fc.array(fc.integer({ min: 100, max: 8_000 }), { minLength: 7, maxLength: 7 }),
    dipMs: fc.array(fc.constantFrom(0, 0, 0, 1_000, 9_000), { minLength: 5, maxLength: 5 }),
    restarts: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }),
  })
  .map((it) => {
    const fleet = fleetOf(Object.fromEntries(it.zones.map((count, at) => ['abcd'[at], count])));
    const nth = (id: string) => fleet.findIndex((one) => one.id === id) + 1;
    const course: Course = {
      policy: `canary=${it.canary.text},wave=${it.wave.text}`,
      takesMs: (id) => it.takesMs[nth(id) % 7] ?? 0,
      dipMs: (id) => it.dipMs[nth(id) % 5] ?? 0,
      restarts: new Set(it.restarts),
    };
    return { fleet, course, canary: it.canary.text, wave: it.wave.text };
  });

const sizeOf = (text: string, of: number, least: number) =>
  Math.max(least, text.endsWith('%') ? Math.floor((of * Number.parseInt(text, 10)) / 100) : Number(text));

/** When a zone with at least two hosts was away as a whole. */
function zonesLost({ away, present }: Rollout): string[] {
  return away.flatMap((ids, round) => {
    const zones = Map.groupBy(present[round] as Instance[], (it) => it.zone);
    const lost = [...zones].filter(([, all]) => all.length > 1 && all.every(({ id }) => ids.has(id)));
    return lost.map(([zone]) => `${zone} at round ${round}`);
  });
}

test('any rollout ends, moves everybody once, and takes no zone whole', () => {
  fc.assert(
    fc.property(anyRollout, ({ fleet, course, canary, wave }) => {
      const rollout = simulate(fleet, course);
      expect(rollout.ended?.live?.sha256).toBe(edited.sha256);
      expect(rollout.moves.flat().sort()).toEqual(fleet.map(({ id }) => id).sort());
      expect(zonesLost(rollout)).toEqual([]);
      const first = sizeOf(canary, fleet.length, Number.parseInt(canary, 10) === 0 ? 0 : 1);
      const most = Math.max(first, sizeOf(wave, fleet.length, 1));
      expect(Math.max(...rollout.away.map(({ size }) => size))).toBeLessThanOrEqual(most);
    }),
    { numRuns: 50 },
  );
});

test('nobody moves before the whole canary is proven and healthy', () => {
  fc.assert(
    fc.property(anyRollout, ({ fleet, course, canary }) => {
      const first = sizeOf(canary, fleet.length, Number.parseInt(canary, 10) === 0 ? 0 : 1);
      const { moves, away } = simulate(fleet, course);
      const canaries = moves.flat().slice(0, first);
      const others = new Set(moves.flat().slice(first));
      const last = away.findLastIndex((ids) => canaries.some((id) => ids.has(id)));
      const early = away.slice(0, last + 1).flatMap((ids) => [...ids].filter((id) => others.has(id)));
      expect(early).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

test('a rollout ends on everybody, whoever joins and leaves meanwhile', () => {
  const change = fc.record({ round: fc.integer({ min: 1, max: 60 }), zone: fc.constantFrom('a', 'b', 'e') });
  fc.assert(
    fc.property(
      anyRollout,
      fc.array(change, { maxLength: 3 }),
      fc.array(change, { maxLength: 2 }),
      ({ fleet, course }, comes, goes) => {
        const joins = new Map(
          comes.map(({ round, zone }, at) => [round, instance(`z${at}`, { zone: `ap-northeast-1${zone}` })]),
        );
        // The first of the fleet stays, so that somebody is there to be proven.
        const leaves = new Map(goes.map(({ round }, at) => [round, fleet[1 + at]?.id ?? '']));
        const rollout = simulate(fleet, { ...course, joins, leaves });
        expect(rollout.ended?.live?.sha256).toBe(edited.sha256);
        const moved = rollout.moves.flat();
        expect(new Set(moved).size).toBe(moved.length);
        for (const { id } of rollout.present.at(-1) ?? []) expect(moved).toContain(id);
      },
    ),
    { numRuns: 30 },
  );
});
