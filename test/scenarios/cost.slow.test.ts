import { afterEach, expect, test } from 'vitest';
import type { LogEntry } from '../../region/wire.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(() => region.close());

test.for([1, 50, 51, 200])('a sweep of %i healthy instances takes few calls', async (count, { task }) => {
  region = await virtualRegion({ capacity: count, pace: 'real' });
  await region.settled();
  // The first sweeps after live was written ask every host.
  const settledAt = Date.now();
  await region.until('live is no longer young', () => Date.now() > settledAt + 180_000);
  const batches = Math.ceil(count / 50);
  const looking = await sweep({ askAll: false });
  const asking = await sweep({ askAll: true });
  // The bench reads them from the report.
  Object.assign(task.meta, { count, looking: looking.length, asking: asking.length });
  expect(looking).not.toContain('SendCommand');
  expect(looking.length).toBeLessThanOrEqual(8 + 2 * batches);
  expect(asking.filter((operation) => operation === 'SendCommand').length).toBe(batches);
  expect(asking.length).toBeLessThanOrEqual(8 + 6 * batches);
  expect(region.failures).toEqual([]);
});

/** The operator's calls of the next sweep of that kind, what it hands over included, polls of results aside. */
async function sweep({ askAll }: { askAll: boolean }): Promise<string[]> {
  const { log } = region.world.wire;
  for (;;) {
    const from = log.length;
    await region.until('a sweep begins', () => log.slice(from).some(begins));
    const end = Date.now() + 50_000;
    await region.until('all that it began has ended', () => Date.now() > end);
    const swept = region.logs.findLast(({ message }) => message === 'swept');
    if (swept?.askAll === askAll)
      return log
        .slice(from)
        .filter(isFirst)
        .map(({ operation }) => operation);
  }
}

const begins = ({ operation, input }: LogEntry) =>
  operation === 'DescribeAutoScalingGroups' && JSON.stringify(input).includes('tag-key');

/** A poll asks again for the results of the same command. */
function isFirst({ operation, input }: LogEntry, at: number, all: LogEntry[]): boolean {
  if (operation !== 'ListCommandInvocations') return true;
  const same = JSON.stringify(input);
  return all.findIndex((it) => it.operation === operation && JSON.stringify(it.input) === same) === at;
}
