import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { limits } from './limits.ts';
import { logger } from './log.ts';

/**
 * The middy stack around every function: the invocation's ids on each log line, and an error logged with
 * its whole chain of causes before it fails the invocation. The work is given the time at which it has to
 * stop by itself: an early time-out would fail the invocation while the work went on.
 */
export function pipeline<Event, Result>(work: (event: Event, until: number) => Promise<Result>) {
  return middy<Event, Result>()
    .use(injectLambdaContext(logger))
    .onError(({ error }) => {
      logger.error('the invocation failed', { error: error as Error });
    })
    .handler((event: Event, context: Context) => {
      const left = context.getRemainingTimeInMillis() - limits.stopMarginSeconds * 1000;
      return work(event, Date.now() + Math.max(0, left));
    });
}
