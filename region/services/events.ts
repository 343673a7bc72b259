import * as model from '@aws-sdk/client-eventbridge';
import type { BusEvent } from '../context.ts';
import { compilePattern, type EventPattern } from '../event-pattern.ts';
import type { Clock } from '../ports.ts';
import { AwsError, account, arn, region, type Service } from '../service.ts';
import { createTimers } from '../timers.ts';
import type { Functions } from './functions.ts';
import type { Queues } from './queues.ts';

export interface RuleTarget {
  arn: string;
  /** ARN of the queue for events that can't be delivered to the target. */
  deadLetterQueue?: string;
}

export interface RuleDefinition {
  name: string;
  pattern?: unknown;
  /** `rate(N minutes)` and the like. */
  schedule?: string;
  enabled: boolean;
  targets: RuleTarget[];
}

export interface EventsOptions {
  clock: Clock;
  newId(): string;
  /** Period of every schedule; undefined takes each rule's own. */
  scheduleTickMs: number | undefined;
  /** Puts an event on the bus, which brings it back through `deliver`. */
  publish(event: BusEvent): void;
  functions: Pick<Functions, 'invokeAsync' | 'permits'>;
  queues: Pick<Queues, 'permits' | 'send'>;
}

export interface Events {
  service: Service;
  /** Answers the rule's ARN. Throws InvalidEventPatternException, ValidationException. */
  createRule(rule: RuleDefinition): string;
  /** Hands an event of the default bus to the targets of every rule that matches it. */
  deliver(event: BusEvent): void;
  close(): void;
}

interface EventEntry {
  Source?: string;
  DetailType?: string;
  Detail?: string;
  Time?: Date;
  Resources?: string[];
  EventBusName?: string;
}

const invoker = 'events.amazonaws.com';
const defaultBus = ['default', arn('events', 'event-bus/default')];
const unitMs: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** EventBridge's default bus: rules with patterns or schedules, targets that are Lambda functions. */
export function createEvents(options: EventsOptions): Events {
  const { clock, newId } = options;
  const timers = createTimers(clock);
  const rules = new Map<string, { arn: string; matches: EventPattern | undefined; targets: RuleTarget[] }>();

  const deliverTo = createDelivery(options);

  const tick = (ruleArn: string, targets: RuleTarget[], periodMs: number): void => {
    timers.after(periodMs, () => {
      const event = complete(clock, newId(), {
        Source: 'aws.events',
        DetailType: 'Scheduled Event',
        Resources: [ruleArn],
      });
      for (const target of targets) deliverTo(ruleArn, target, event);
      tick(ruleArn, targets, periodMs);
    });
  };

  return {
    service: {
      name: 'events',
      model,
      client: new model.EventBridgeClient({ region }),
      operations: { PutEvents: ({ Entries }: { Entries: EventEntry[] }) => putEvents(Entries, options) },
      limits: {
        PutEvents: {
          Entries: {
            min: 1,
            max: 10,
            each: {
              members: { Source: {}, DetailType: {}, Detail: {}, Time: {}, Resources: {}, EventBusName: {} },
            },
          },
        },
      },
    },
    createRule({ name, pattern, schedule, enabled, targets }) {
      if ((pattern === undefined) === (schedule === undefined)) {
        throw new AwsError(
          'ValidationException',
          `Rule ${name}: the region needs EventPattern or ScheduleExpression`,
        );
      }
      const ruleArn = arn('events', `rule/${name}`);
      if (rules.has(name))
        throw new AwsError('ResourceAlreadyExistsException', `Rule ${name} already exists`);
      const matches = pattern === undefined ? undefined : compilePattern(pattern);
      const periodMs = schedule === undefined ? undefined : periodOf(schedule);
      rules.set(name, { arn: ruleArn, matches: enabled ? matches : undefined, targets });
      if (periodMs && enabled) tick(ruleArn, targets, options.scheduleTickMs ?? periodMs);
      return ruleArn;
    },
    deliver(event) {
      for (const rule of rules.values()) {
        if (!rule.matches?.(event)) continue;
        for (const target of rule.targets) deliverTo(rule.arn, target, event);
      }
    },
    close: () => timers.close(),
  };
}

/** Invokes a target, or keeps the event as a dead letter where that isn't possible. */
function createDelivery({ functions, queues }: EventsOptions) {
  const deadLetter = (
    ruleArn: string,
    target: RuleTarget,
    event: BusEvent,
    code: string,
    message: string,
  ) => {
    // Without a queue, or with one that doesn't let the rule send to it, the event is lost, as on AWS.
    if (!target.deadLetterQueue || !queues.permits(target.deadLetterQueue, invoker, ruleArn)) return;
    const attributes = {
      RULE_ARN: ruleArn,
      TARGET_ARN: target.arn,
      ERROR_CODE: code,
      ERROR_MESSAGE: message,
    };
    queues.send(target.deadLetterQueue, JSON.stringify(event), attributes);
  };

  return (ruleArn: string, target: RuleTarget, event: BusEvent): void => {
    try {
      if (!functions.permits(target.arn, invoker, ruleArn)) {
        const message = `Lambda function ${target.arn} has no permission for ${ruleArn}`;
        deadLetter(ruleArn, target, event, 'NO_PERMISSIONS', message);
      } else functions.invokeAsync(target.arn, event);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      deadLetter(ruleArn, target, event, 'NO_RESOURCE', error.message);
    }
  };
}

function putEvents(entries: EventEntry[], { clock, newId, publish }: EventsOptions) {
  const results = entries.map((entry) => {
    const refused = refusal(entry);
    if (refused) return refused;
    const event = complete(clock, newId(), entry);
    publish(event);
    return { EventId: event.id };
  });
  return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
}

/** Why an entry is not taken. One bad entry doesn't keep the others off the bus. */
function refusal(entry: EventEntry): { ErrorCode: string; ErrorMessage: string } | undefined {
  for (const member of ['Source', 'DetailType', 'Detail'] as const) {
    if (entry[member]) continue;
    const ErrorMessage = `Parameter ${member} is not valid. Reason: ${member} is a required argument.`;
    return { ErrorCode: 'InvalidArgument', ErrorMessage };
  }
  if (entry.EventBusName !== undefined && !defaultBus.includes(entry.EventBusName)) {
    const ErrorMessage = 'Parameter EventBusName is not valid. Reason: the region has the default bus alone.';
    return { ErrorCode: 'InvalidArgument', ErrorMessage };
  }
  if (entry.Source!.startsWith('aws.')) {
    return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
  }
  const detail = parsed(entry.Detail!);
  if (detail !== null && typeof detail === 'object' && !Array.isArray(detail)) return undefined;
  return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function complete(clock: Clock, id: string, entry: EventEntry): BusEvent {
  const time = (entry.Time ?? new Date(clock.now())).toISOString();
  return {
    version: '0',
    id,
    'detail-type': entry.DetailType ?? '',
    source: entry.Source ?? '',
    account,
    time: `${time.slice(0, 19)}Z`,
    region,
    resources: entry.Resources ?? [],
    detail: JSON.parse(entry.Detail ?? '{}'),
  };
}

function periodOf(schedule: string): number {
  const [, count, unit, plural] = /^rate\(([1-9]\d*) (minute|hour|day)(s?)\)$/.exec(schedule) ?? [];
  // AWS refuses rate(1 minutes) and rate(5 minute) too.
  if (!count || !unit || (count === '1') !== (plural === '')) {
    throw new AwsError('ValidationException', `Parameter ScheduleExpression is not valid: ${schedule}`);
  }
  return Number(count) * unitMs[unit]!;
}
