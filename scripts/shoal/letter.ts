import type { Message } from '@aws-sdk/client-sqs';
import { count, utc, wrap } from '../../shared/control/columns.ts';

/** A line for people, as the rule `notices` takes it apart from an event. */
export interface Notice {
  text: string;
  next: string;
}

/**
 * An event that was given up: by EventBridge, which could not hand it to its function, or by Lambda, when the
 * function had failed on it to the end.
 */
export interface Letter {
  /** SQS's own. */
  id: string;
  /** When it was given up, in milliseconds since the epoch. */
  at: number;
  /** The function that it is for; null for a notice or an alarm, and for what is no dead letter of this operator. */
  function: string | null;
  /** What the topic was to be told; null for all but notices and alarms. */
  notice: Notice | null;
  event: unknown;
  /** How it came to be given up. */
  error: string;
}

/**
 * Reads a message of the queue. What it holds was written by others, so nothing in it is taken for granted.
 *
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
export function readLetter(queued: Message, prefix: string): Letter {
  const { MessageId: id = '', Body = '', Attributes = {}, MessageAttributes = {} } = queued;
  const attribute = (name: string) => MessageAttributes[name]?.StringValue ?? '';
  const letter = { id, at: Number(Attributes.SentTimestamp ?? 0), notice: null };
  const body = parsed(Body);
  const rule = /:rule\/(.+)$/.exec(attribute('RULE_ARN'))?.[1];
  const { functionArn, condition, approximateInvokeCount: tries } = object(object(body).requestContext);
  const name = functionOf(rule === undefined ? text(functionArn) : attribute('TARGET_ARN'), prefix);
  // A rule that tells the topic has no function to go to.
  const isOurs = name !== null || (rule !== undefined && isOfStage(rule, prefix));
  if (!isOurs || typeof body !== 'object')
    return { ...letter, function: null, event: body, error: 'no dead letter of this operator' };
  if (rule !== undefined) {
    const reason = attribute('ERROR_MESSAGE') || 'no reason given';
    const error = `rule ${rule} could not deliver it: ${attribute('ERROR_CODE')}: ${reason}`;
    return { ...letter, function: name, notice: name === null ? noticeOf(body) : null, event: body, error };
  }
  const { requestPayload, responsePayload } = object(body);
  const { errorType, errorMessage } = object(responsePayload);
  // A process that died or ran out of time begins with the id of its request, which tells nobody anything.
  const message = text(errorMessage).replace(/^RequestId: \S+ (Error: )?/, '');
  const failure = [text(errorType), message].filter((part) => part !== '').join(': ');
  const attempts = typeof tries === 'number' ? ` after ${count(tries, 'attempt')}` : '';
  const error = `${text(condition) || 'failed'}${attempts}: ${failure || 'no error given'}`;
  return { ...letter, function: name, event: requestPayload, error };
}

/** Of a notice of a fleet, or of an alarm, whose description says what to do. */
function noticeOf(event: unknown): Notice | null {
  const { text: said, next, alarmName, state, configuration } = object(object(event).detail);
  if (text(said) !== '') return { text: text(said), next: text(next) };
  if (text(alarmName) === '') return null;
  const [says = '', todo = ''] = text(object(configuration).description).split(/\. Do: /);
  return { text: `${text(object(state).value)} ${text(alarmName)}: ${says}`, next: todo.replace(/\.$/, '') };
}

/** What the event is about, in a line. */
export function aboutOf({ event, notice }: Pick<Letter, 'event' | 'notice'>): string {
  if (notice !== null) return notice.text;
  const { mode, fleet, detail, 'detail-type': type } = object(event);
  const { EC2InstanceId, AutoScalingGroupName, LifecycleTransition, name, operation } = object(detail);
  if (text(EC2InstanceId) !== '') {
    const isLaunch = text(LifecycleTransition).endsWith('LAUNCHING');
    return `${isLaunch ? 'launch' : 'termination'} of ${text(EC2InstanceId)} in ${text(AutoScalingGroupName)}`;
  }
  if (text(name) !== '') return `${text(operation)} of ${text(name)}`;
  if (text(mode) !== '') return `${text(mode)} of fleet ${text(fleet)}`;
  return text(type) === 'Scheduled Event' ? 'the sweep' : text(type) || 'an event of an unknown kind';
}

/** As many digits of an id as tell messages apart, for people. */
export const shortId = (id: string): string => id.slice(0, 8);

export function textOf(letter: Letter): string {
  const { id, at, function: name, notice, error } = letter;
  const to = name === null ? 'topic' : name.split('-').at(-1);
  const what = name === null && notice === null ? '' : `${to}: ${aboutOf(letter)}`;
  const head = wrap(`${utc(at)} ${what}`, `${shortId(id)}  `);
  return [...head, ...wrap(error, ' '.repeat(10), 4), ''].join('\n');
}

/** A function of this stage, by its name in an ARN. */
function functionOf(arn: string, prefix: string): string | null {
  const name = /:function:([^:]+)/.exec(arn)?.[1] ?? '';
  return isOfStage(name, prefix) ? name : null;
}

/** Another stage's name has one more hyphen. */
const isOfStage = (name: string, prefix: string): boolean =>
  name.startsWith(`${prefix}-`) && !name.slice(prefix.length + 1).includes('-');

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
