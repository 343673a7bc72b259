import * as model from '@aws-sdk/client-eventbridge';
import type { BusEvent } from '../context.ts';
import { compilePattern, type EventPattern } from '../event-pattern.ts';
import type { Faults } from '../faults.ts';
import { eventLimits } from '../limits.ts';
import type { Pace } from '../pace.ts';
import { page } from '../pages.ts';
import type { Clock } from '../ports.ts';
import { AwsError, account, arn, region, type Service } from '../service.ts';
import { createTimers } from '../timers.ts';
import { createDelivery, type RuleTarget } from './event-delivery.ts';
import type { Functions } from './functions.ts';
import type { Queues } from './queues.ts';
import type { Topics } from './topics.ts';

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
  pace: Pick<Pace, 'scheduleTickMs'>;
  faults: Faults;
  /** Puts an event on the bus, which brings it back through `deliver`. */
  publish(event: BusEvent): void;
  functions: Pick<Functions, 'invokeAsync' | 'permits'>;
  topics: Pick<Topics, 'permits' | 'publish'>;
  queues: Pick<Queues, 'permits' | 'send'>;
  /** Hears of each event that not even the dead-letter queue of a rule's target took. */
  onLoss?(ruleName: string): void;
}

export interface Events {
  service: Service;
  /** Answers the rule's ARN. Throws InvalidEventPatternException, ValidationException. */
  createRule(rule: RuleDefinition): string;
  removeRule(name: string): void;
  /** Hands an event of the default bus to the targets of every rule that matches it. */
  deliver(event: BusEvent): void;
  /** Starts every schedule's period over, at the pace there is now. */
  restart(): void;
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

const defaultBus = ['default', arn('events', 'event-bus/default')];
const unitMs: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

interface Rule extends RuleDefinition {
  arn: string;
  matches: EventPattern | undefined;
  periodMs: number | undefined;
  /** Stops its schedule. */
  cancel: () => void;
}

/** EventBridge's default bus: rules with patterns or schedules, targets that are functions or topics. */
export function createEvents(options: EventsOptions): Events {
  const { clock, newId, pace, faults } = options;
  const timers = createTimers(clock);
  const rules = new Map<string, Rule>();
  const deliverTo = createDelivery(options, timers);

  /** A fault may lose the event, double it or hold it up, whatever rule it is for. */
  const spread = (event: BusEvent, isFor: (rule: Rule) => boolean): void => {
    const now = () => {
      for (const rule of [...rules.values()].filter((one) => one.enabled && isFor(one))) {
        for (const target of rule.targets) deliverTo(rule.arn, target, event);
      }
    };
    for (const ms of faults.deliveriesOf(event['detail-type'])) {
      if (ms === 0) now();
      else timers.after(ms, now);
    }
  };

  const schedule = (rule: Rule): void => {
    rule.cancel();
    if (!rule.enabled || rule.periodMs === undefined) return;
    rule.cancel = timers.after(pace.scheduleTickMs ?? rule.periodMs, () => {
      const entry = { Source: 'aws.events', DetailType: 'Scheduled Event', Resources: [rule.arn] };
      spread(complete(clock, newId(), entry), (one) => one === rule);
      schedule(rule);
    });
  };

  return {
    service: {
      name: 'events',
      model,
      client: new model.EventBridgeClient({ region }),
      operations: {
        PutEvents: ({ Entries }: { Entries: EventEntry[] }) => putEvents(Entries, options),
        ...ruleOperations(rules, schedule),
      },
      limits: eventLimits,
    },
    createRule(definition) {
      const { name, pattern, schedule: expression } = definition;
      if ((pattern === undefined) === (expression === undefined)) {
        throw new AwsError(
          'ValidationException',
          `Rule ${name}: the region needs EventPattern or ScheduleExpression`,
        );
      }
      if (rules.has(name))
        throw new AwsError('ResourceAlreadyExistsException', `Rule ${name} already exists`);
      const rule: Rule = {
        ...definition,
        arn: arn('events', `rule/${name}`),
        matches: pattern === undefined ? undefined : compilePattern(pattern),
        periodMs: expression === undefined ? undefined : periodOf(expression),
        cancel: () => {},
      };
      rules.set(name, rule);
      schedule(rule);
      return rule.arn;
    },
    removeRule(name) {
      rules.get(name)?.cancel();
      rules.delete(name);
    },
    deliver: (event) => spread(event, ({ matches }) => matches?.(event) === true),
    restart: () => [...rules.values()].forEach(schedule),
    close: () => timers.close(),
  };
}

function ruleOperations(rules: Map<string, Rule>, schedule: (rule: Rule) => void): Service['operations'] {
  const enable = (name: string, enabled: boolean): void => {
    const rule = rules.get(name);
    if (!rule) {
      const missing = `Rule ${name} does not exist on EventBus default.`;
      throw new AwsError('ResourceNotFoundException', missing);
    }
    rule.enabled = enabled;
    schedule(rule);
  };
  return {
    EnableRule: ({ Name: name }) => enable(name, true),
    DisableRule: ({ Name: name }) => enable(name, false),
    ListRules({ NextToken: token, Limit: size = 100 }) {
      const { items, next } = page([...rules.values()], token, size, 'ValidationException');
      const described = items.map(({ name, arn: ruleArn, pattern, schedule: expression, enabled }) => ({
        ...{ Name: name, Arn: ruleArn, State: enabled ? 'ENABLED' : 'DISABLED', EventBusName: 'default' },
        ...(pattern !== undefined && { EventPattern: JSON.stringify(pattern) }),
        ...(expression !== undefined && { ScheduleExpression: expression }),
      }));
      return { Rules: described, NextToken: next };
    },
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
