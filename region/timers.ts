import type { Clock } from './ports.ts';

/** Timers on the region's clock that can all be cancelled at once, so that a closed region leaves none. */
export interface Timers {
  /** Runs `run` after `ms`, unless the answer is called or the timers are closed first. */
  after(ms: number, run: () => void): () => void;
  close(): void;
}

export function createTimers(clock: Clock): Timers {
  const pending = new Set<() => void>();
  let closed = false;
  return {
    after(ms, run) {
      if (closed) return () => {};
      const cancel = clock.after(ms, () => {
        pending.delete(cancel);
        run();
      });
      pending.add(cancel);
      return () => {
        pending.delete(cancel);
        cancel();
      };
    },
    close() {
      closed = true;
      for (const cancel of pending) cancel();
      pending.clear();
    },
  };
}
