import type { SSMClient, SSMClientConfig } from '@aws-sdk/client-ssm';
import { limits } from '../runtime/limits.ts';

type RetryStrategy = Extract<
  NonNullable<SSMClientConfig['retryStrategy']>,
  { acquireInitialRetryToken: unknown }
>;
type RetryToken = Awaited<ReturnType<RetryStrategy['acquireInitialRetryToken']>>;

/**
 * A throttle is AWS's word that the account calls too often, not that something is wrong, so it is waited out
 * for as long as a storm of launches takes to pass. The SDK's own strategy gives up earlier, and on all calls
 * of a client together: they share a budget of a hundred retries.
 */
export const patience: RetryStrategy = {
  acquireInitialRetryToken: async () => token(0, 0),
  refreshRetryTokenForRetry: async (last, { errorType, error }) => {
    const tries = last.getRetryCount() + 1;
    // The name in Auto Scaling's API reference ("API request rate"), which the SDK doesn't know.
    const throttled = errorType === 'THROTTLING' || error?.name === 'RateExceeded';
    const triesMax = throttled
      ? limits.throttledTriesMax
      : errorType === 'TRANSIENT'
        ? limits.transientTriesMax
        : 1;
    if (tries >= triesMax) throw error ?? new Error(`${tries} tries have failed`);
    const firstMs = throttled ? limits.throttledWaitMs : limits.transientWaitMs;
    const waitMs = Math.min(limits.retryWaitMsMax, firstMs * 2 ** last.getRetryCount());
    return token(tries, waitMs * (0.5 + Math.random() / 2));
  },
  recordSuccess: () => {},
};

function token(tries: number, delayMs: number): RetryToken {
  return { getRetryCount: () => tries, getRetryDelay: () => delayMs };
}

/** Lets few calls of a client go at once: a hundred of them queue here, and not in each other's retries. */
export function fewAtOnce<C extends { middlewareStack: unknown }>(client: C): C {
  const waiting: (() => void)[] = [];
  let calls = 0;
  // Whatever the client, its stack takes what looks into neither input nor output.
  const stack = client.middlewareStack as SSMClient['middlewareStack'];
  stack.add(
    (next) => async (call) => {
      if (calls >= limits.callsAtOnceMax) await new Promise<void>((resolve) => waiting.push(resolve));
      else calls += 1;
      try {
        return await next(call);
      } finally {
        // Its place goes to the one that has waited longest.
        const first = waiting.shift();
        if (first === undefined) calls -= 1;
        else first();
      }
    },
    { step: 'initialize', name: 'fewAtOnce' },
  );
  return client;
}
