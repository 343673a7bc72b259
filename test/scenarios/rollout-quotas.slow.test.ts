import { afterEach, expect, test, vi } from 'vitest';
import { enforceQuotas } from '../aws/quotas.ts';
import { seedChance } from './chance.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(async () => {
  await region.close();
  vi.restoreAllMocks();
});

/** `npm run bench -- rollout-scale` takes 1,000. */
const instances = Number(process.env.ROLLOUT_INSTANCES ?? 100);

/** An edit of a fleet, at AWS's own delays, until it is live; with AWS's quotas, or without any. */
async function rollOut(capacity: number, limited: boolean) {
  seedChance();
  region = await virtualRegion({ capacity, pace: 'real' });
  await region.settled();
  const { log } = region.world.wire;
  const quotas = limited ? enforceQuotas(region.world.wire, Date.now) : null;
  const before = region.status()?.live?.sha256;
  log.length = 0;
  const from = Date.now();
  region.put('allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
  const isLive = () => region.status()?.live?.sha256 !== before && region.status()?.rollout === undefined;
  await region.until('the edit is live', isLive, 60 * 60_000);
  const answer = {
    seconds: (Date.now() - from) / 1000,
    calls: log.length,
    throttled: quotas?.throttled() ?? 0,
    heapMegabytes: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
  };
  expect(region.failures).toEqual([]);
  await region.close();
  vi.restoreAllMocks();
  return answer;
}

test('an edit takes hardly longer within the quotas than without, and grows with the fleet', {
  timeout: 1_800_000,
}, async ({ task }) => {
  const small = await rollOut(instances / 4, true);
  const large = await rollOut(instances, true);
  const free = await rollOut(instances, false);
  // The bench reads them from the report.
  Object.assign(task.meta, { small, large, free });
  expect(large.seconds / free.seconds).toBeLessThanOrEqual(1.3);
  expect(large.seconds / small.seconds).toBeLessThanOrEqual(5);
  expect(large.calls / small.calls).toBeLessThanOrEqual(5);
});
