import type { Clock } from '../../region/ports.ts';

export interface VirtualTime extends Clock {
  sleep(ms: number): Promise<void>;
  /** Lets what can run now run, then goes to the next timer, until `done`. False when time stands still first. */
  until(done: () => boolean): Promise<boolean>;
}

/**
 * A clock that stands still while anything can run. A thousand schedules are affordable on it: fake timers pause
 * for a real millisecond at each of theirs.
 */
export function virtualTime(start: number): VirtualTime {
  let now = start;
  let timers: { at: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void) => {
    const timer = { at: now + ms, run };
    const later = timers.findIndex(({ at }) => at > timer.at);
    timers.splice(later === -1 ? timers.length : later, 0, timer);
    return () => {
      timers = timers.filter((it) => it !== timer);
    };
  };
  return {
    now: () => now,
    after,
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
    until: async (done) => {
      for (;;) {
        // Whatever runs here waits for promises alone, and all of them have gone on when this resolves.
        await new Promise(setImmediate);
        if (done()) return true;
        const next = timers.shift();
        if (next === undefined) return false;
        now = Math.max(now, next.at);
        next.run();
      }
    },
  };
}
