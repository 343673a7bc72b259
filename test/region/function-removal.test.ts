import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { functionArn, start } from './functions-bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

test('a removed function finishes what it does, and is started for nothing else', async () => {
  const release = Promise.withResolvers<void>();
  const handled: unknown[] = [];
  const { functions, sent } = start(async (event) => {
    handled.push(event);
    await release.promise;
    throw new Error('too late');
  });
  functions.invokeAsync(functionArn, 'once');
  await vi.advanceTimersByTimeAsync(10);
  functions.remove('work');
  release.resolve();
  await vi.advanceTimersByTimeAsync(60_000);
  expect({ handled, sent }).toEqual({ handled: ['once'], sent: [] });
});
