/** One measured figure. Times are medians; a ratio comes from runs that took turns. */
export interface Figure {
  what: string;
  unit: 'ms' | 's' | 'KiB' | '×' | 'calls' | 'failures';
  /** At most this much. */
  target: number;
  measured: number;
  /** What went into it. */
  how: string;
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The lowest, middle and highest, in whole units. */
export function spread(numbers: number[], unit = 'ms'): string {
  const [lowest, highest] = [Math.min(...numbers), Math.max(...numbers)];
  return `${[lowest, median(numbers), highest].map(Math.round).join(' / ')} ${unit}`;
}

/** How long it takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Waits until it is true; rejects after a while, saying what was waited for. */
export async function until(
  what: string,
  done: () => unknown,
  everyMs = 20,
  withinMs = 60_000,
): Promise<void> {
  for (const end = Date.now() + withinMs; !(await done()); ) {
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
