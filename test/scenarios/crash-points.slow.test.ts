import { afterEach, expect, test } from 'vitest';
import { events, type SmallRegion, type Snapshot, smallRegion } from './small-region.ts';

/** A run is killed at each of its calls of AWS, before it or when it has taken effect; the minute's sweeps go on. */

const former = '10.0.0.0/8';
const live = '10.0.0.0/8,172.16.0.0/16';
const wide = '10.0.0.0/8,172.17.0.0/16';

let region: SmallRegion;
afterEach(() => region.close());

test('a rollout that is killed anywhere is rolled back from its third host', async () => {
  const before = await onLive();
  const deaths = await killedAtEachCall(events.edit, async () => {
    region.restore(before);
    region.edit('allowed-cidrs', wide);
    region.hosts.behave(region.members()[2] ?? '', 'dies', region.desired().sha256);
    await region.pass(300);
    return () => {
      const { rejected, live: ours } = region.fleet.status() ?? {};
      expect(rejected).toMatchObject({ sha256: region.desired().sha256, instance: region.members()[2] });
      expect(ours).toEqual(statusOf(before)?.live);
    };
  });
  expect(deaths).toBeGreaterThan(50);
});

test('a way back that is killed anywhere has happened whole or not at all', async () => {
  const before = await onLive();
  const outcomes = new Set<string>();
  const deaths = await killedAtEachCall(events.rollback, async () => {
    region.restore(before);
    await region.pass(300);
    return () => {
      const { rejected, live: ours } = region.fleet.status() ?? {};
      const isBack = ours?.sha256 !== statusOf(before)?.live?.sha256;
      expect(rejected?.instance).toBe(isBack ? 'by hand' : undefined);
      outcomes.add(isBack ? 'back' : 'never begun');
    };
  });
  expect(deaths).toBeGreaterThan(50);
  expect([...outcomes].sort()).toEqual(['back', 'never begun']);
});

test('a first rollout that is killed anywhere brings its fleet into service', async () => {
  const deaths = await killedAtEachCall(events.apply, async () => {
    await region?.close();
    region = await smallRegion({ inHooks: true });
    return () => expect(region.fleet.status()?.live?.sha256).toBe(region.desired().sha256);
  });
  expect(deaths).toBeGreaterThan(50);
});

/** @param begin Sets the scene, and answers what is to be seen in the end. @returns How often the run has died. */
async function killedAtEachCall(event: object, begin: () => Promise<() => void>): Promise<number> {
  let deaths = 0;
  for (let call = 1, isOver = false; !isOver; call++)
    for (const effect of [false, true]) {
      const end = await begin();
      const run = region.start('the one that dies', event, { dies: { at: call, effect } });
      await region.over(run);
      await region.sweepUntilQuiet();
      const where = `killed ${effect ? 'after' : 'before'} its call ${call}, ${run.calls[call - 1]}`;
      expect([...region.fleet.violations, ...region.notQuiet()], where).toEqual([]);
      end();
      if (run.isDead) deaths++;
      else isOver = true;
    }
  return deaths;
}

/** A fleet with a config that is live and one before it. */
async function onLive(): Promise<Snapshot> {
  region = await smallRegion();
  for (const cidrs of [former, live]) {
    region.edit('allowed-cidrs', cidrs);
    await region.over(region.start('first', events.apply));
    await region.pass(15_000);
  }
  return region.snapshot();
}

function statusOf({ parameters }: Snapshot) {
  const values = parameters.find(([name]) => name.endsWith('/status'))?.[1] ?? [];
  return JSON.parse(values.at(-1) ?? 'null');
}
