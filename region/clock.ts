import type { Clock } from './ports.ts';

/** This machine's time, or that of the fake timers that a test has put in its place. */
export const machineClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
