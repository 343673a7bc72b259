import { existsSync, readFileSync } from 'node:fs';

/** A line that one of Shoal's functions logged about what it decided. */
export interface Decision {
  /** Milliseconds since the epoch. */
  at: number;
  /** An instance's id, or the fleet. */
  who: string;
  /** The function that decided. */
  by: string;
  step: string;
  reason: string;
}

/** Reads on, in the file that a region keeps of what its functions log. */
export function createDecisionReader(file: string): () => Decision[] {
  let offset = 0;
  return () => {
    const unread = existsSync(file) ? readFileSync(file).subarray(offset) : Buffer.alloc(0);
    const whole = unread.subarray(0, unread.lastIndexOf('\n') + 1);
    offset += whole.length;
    return whole.toString().split('\n').filter(Boolean).flatMap(decisionOf);
  };
}

export const broken = 'parameters broken';
/** What the region says, and no function: a call that the deployed roles don't allow. */
export const denied = 'denied';

/** Of all lines, those in which something is decided: not every look, nor the start of an invocation. */
function decisionOf(text: string): Decision[] {
  const { at, function: by, line } = JSON.parse(text) as Record<'at' | 'function' | 'line', string>;
  if (by === 'region') return [{ at: Date.parse(at), who: 'the fleet', by, step: denied, reason: line }];
  if (!line.startsWith('{')) return [];
  const { instance, step, reason, result } = JSON.parse(line) as Record<string, string | undefined>;
  if (step === undefined || reason === undefined) return [];
  // What is wrong with the parameters is said of each instance, and is one for the fleet.
  if (reason.startsWith(broken)) return [{ at: Date.parse(at), who: 'the fleet', by, step: 'says', reason }];
  const ofInterest =
    /^(wait (waiting for its target|draining, [1-9])|(?!wait|ask|heartbeat|nothing|store-config|fleet))/;
  if (!ofInterest.test(`${step} ${reason}`)) return [];
  return [{ at: Date.parse(at), who: instance ?? 'the fleet', by, step: result ?? step, reason }];
}
