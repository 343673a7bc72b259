import { afterEach, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(() => region.close());

test.for([1_000, 10])(
  'a hundred launches at once take hardly longer than one (%i functions at once)',
  async (concurrency, { task }) => {
    region = await virtualRegion({ capacity: 1, pace: 'real', concurrency });
    await region.settled();
    const one = await launch(1);
    const hundred = await launch(100);
    // The bench reads them from the report.
    Object.assign(task.meta, { concurrency, one, hundred });
    expect(region.failures).toEqual([]);
    expect(hundred).toBeLessThanOrEqual(2 * one + 120);
  },
);

/** Seconds until `count` more instances are in service, asked for just after a sweep has gone by. */
async function launch(count: number): Promise<number> {
  const sweeps = region.logs.filter(isSweep).length;
  await region.until('a sweep', () => region.logs.filter(isSweep).length > sweeps);
  const before = region.inService().length;
  const from = Date.now();
  region.capacity(before + count);
  await region.until('they are in service', () => region.inService().length === before + count);
  return (Date.now() - from) / 1000;
}

const isSweep = ({ message }: Record<string, unknown>) => message === 'swept';
