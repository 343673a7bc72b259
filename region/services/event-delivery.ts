import type { BusEvent } from '../context.ts';
import { AwsError } from '../service.ts';
import type { Timers } from '../timers.ts';
import type { EventsOptions } from './events.ts';

export interface RuleTarget {
  /** A function's, or a topic's. */
  arn: string;
  /** Makes what the target is given; without it, it is given the event. */
  transform?: (event: BusEvent) => string;
  /** ARN of the queue for events that can't be delivered to the target. */
  deadLetterQueue?: string;
  /** Left out: 185 times, and for 24 hours. */
  retryPolicy?: { maximumRetryAttempts?: number; maximumEventAgeSeconds?: number };
}

/** The service that invokes functions for rules, as permissions and policies name it. */
const invoker = 'events.amazonaws.com';
const defaultPolicy = { maximumRetryAttempts: 185, maximumEventAgeSeconds: 86_400 };
const backOffMs = 1_000;
const backOffMaxMs = 480_000;

type Deliver = (ruleArn: string, target: RuleTarget, event: BusEvent) => void;

/**
 * Hands an event to a target. A throttle is retried as the target's policy says; what can't be delivered, or not in
 * time, becomes a dead letter. Permissions and targets that are missing aren't waited for.
 */
export function createDelivery(options: EventsOptions, timers: Timers): Deliver {
  const { clock, functions, topics, faults } = options;
  return (ruleArn, target, event) => {
    const policy = { ...defaultPolicy, ...target.retryPolicy };
    const endsAt = clock.now() + policy.maximumEventAgeSeconds * 1000;
    const attempt = (retries: number): void => {
      try {
        const receiver = isTopic(target.arn) ? topics : functions;
        if (!receiver.permits(target.arn, invoker, ruleArn))
          throw new AwsError('NO_PERMISSIONS', `${target.arn} has no permission for ${ruleArn}`);
        const throttle = isTopic(target.arn)
          ? faults.errorOf('sns', 'Publish')
          : faults.errorOf('lambda', 'Invoke');
        if (!throttle) {
          if (isTopic(target.arn))
            topics.publish(target.arn, target.transform?.(event) ?? JSON.stringify(event));
          else functions.invokeAsync(target.arn, event);
          return;
        }
        const waitMs = Math.min(backOffMs * 2 ** retries, backOffMaxMs);
        const tired = retries >= policy.maximumRetryAttempts;
        if (!tired && clock.now() + waitMs <= endsAt) {
          timers.after(waitMs, () => attempt(retries + 1));
          return;
        }
        const condition = tired ? 'MaximumRetryAttempts' : 'MaximumEventAgeInSeconds';
        const exhausted = { EXHAUSTED_RETRY_CONDITION: condition, RETRY_ATTEMPTS: `${retries}` };
        keep(options, ruleArn, target, event, new AwsError('THROTTLING', throttle.message), exhausted);
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const code = error.code === 'NO_PERMISSIONS' ? error.code : 'NO_RESOURCE';
        keep(options, ruleArn, target, event, new AwsError(code, error.message));
      }
    };
    attempt(0);
  };
}

export const isTopic = (targetArn: string): boolean => targetArn.startsWith('arn:aws:sns:');

/** Without a queue, or with one that doesn't let the rule send to it, the event is lost, as on AWS. */
function keep(
  { queues, onLoss }: EventsOptions,
  ruleArn: string,
  target: RuleTarget,
  event: BusEvent,
  { code, message }: AwsError,
  exhausted: Record<string, string> = {},
): void {
  if (!target.deadLetterQueue) return;
  if (!queues.permits(target.deadLetterQueue, invoker, ruleArn)) {
    onLoss?.(ruleArn.split('/').at(-1)!);
    return;
  }
  queues.send(target.deadLetterQueue, JSON.stringify(event), {
    RULE_ARN: ruleArn,
    TARGET_ARN: target.arn,
    ERROR_CODE: code,
    ERROR_MESSAGE: message,
    ...exhausted,
  });
}
