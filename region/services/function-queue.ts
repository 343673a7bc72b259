import type { Clock } from '../ports.ts';
import { AwsError } from '../service.ts';
import type { Timers } from '../timers.ts';
import type { Executor, FunctionDefinition, LambdaFunction, Outcome } from './function-execution.ts';

interface QueueOptions {
  clock: Clock;
  /** Waits before the first and the second retry of a failed invocation, at the pace there is. */
  retryDelaysMs(): readonly number[];
  /** Sends a function's record to a queue, by its ARN. */
  send(queueArn: string, body: string, sender: FunctionDefinition): void;
}

interface QueuedEvent {
  payload: string;
  requestId: string;
  acceptedAt: number;
  /** Invocations that ran, throttled ones not among them. */
  attempts: number;
  throttles: number;
}

/** Accepts an event that nobody waits for. */
export type Enqueue = (one: LambdaFunction, payload: string, requestId: string) => void;

const throttleBackOffMs = 1_000;
const throttleBackOffMaxMs = 300_000;

/**
 * Lambda's queue of asynchronous invocations: failures are retried up to the configured number, throttles
 * with growing waits until the event is too old, and what is given up goes to the on-failure destination.
 */
export function createFunctionQueue(
  { clock, retryDelaysMs, send }: QueueOptions,
  executor: Executor,
  timers: Timers,
): Enqueue {
  const attempt = async (one: LambdaFunction, event: QueuedEvent): Promise<void> => {
    if (one.removed) return; // Its queue went with it.
    const ageMaxMs = one.async.maximumEventAgeSeconds * 1000;
    if (clock.now() - event.acceptedAt > ageMaxMs) return giveUp(one, event, 'EventAgeExceeded');
    let outcome: Outcome;
    try {
      outcome = await executor.run(one, event.payload, event.requestId);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const wait = Math.min(throttleBackOffMs * 2 ** event.throttles, throttleBackOffMaxMs);
      later(one, { ...event, throttles: event.throttles + 1 }, wait);
      return;
    }
    if (!outcome.error) return;
    const failed = { ...event, attempts: event.attempts + 1, throttles: 0 };
    if (failed.attempts > one.async.maximumRetryAttempts)
      return giveUp(one, failed, 'RetriesExhausted', outcome);
    const waits = retryDelaysMs();
    later(one, failed, waits[failed.attempts - 1] ?? waits.at(-1) ?? 0);
  };

  const later = (one: LambdaFunction, event: QueuedEvent, ms: number): void => {
    timers.after(ms, () => void attempt(one, event));
  };

  const giveUp = (one: LambdaFunction, event: QueuedEvent, condition: string, outcome?: Outcome): void => {
    if (!one.async.onFailure || one.removed) return;
    const record = {
      version: '1.0',
      timestamp: new Date(clock.now()).toISOString(),
      requestContext: {
        requestId: event.requestId,
        functionArn: `${one.definition.arn}:$LATEST`,
        condition,
        approximateInvokeCount: event.attempts,
      },
      requestPayload: JSON.parse(event.payload),
      ...(outcome && {
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: JSON.parse(outcome.payload),
      }),
    };
    send(one.async.onFailure, JSON.stringify(record), one.definition);
  };

  return (one, payload, requestId) => {
    later(one, { payload, requestId, acceptedAt: clock.now(), attempts: 0, throttles: 0 }, 0);
  };
}
