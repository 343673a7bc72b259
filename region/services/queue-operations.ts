import { createHash } from 'node:crypto';
import type { Clock } from '../ports.ts';
import { AwsError, type Service } from '../service.ts';
import type { Message, Queue } from './queues.ts';

interface ReceiveInput {
  QueueUrl: string;
  AttributeNames?: string[];
  MessageSystemAttributeNames?: string[];
  MessageAttributeNames?: string[];
  MaxNumberOfMessages?: number;
  VisibilityTimeout?: number;
  WaitTimeSeconds?: number;
}

const purgeMs = 60_000;
/** Who waits for a message looks again after so long. */
const lookMs = 500;

/**
 * How a person reads dead letters: look, receive, and once the event has been dealt with, delete. AWS moves
 * messages back only to a queue they were moved from, which none here was.
 */
export function queueOperations(clock: Clock, queues: Map<string, Queue>): Service['operations'] {
  const find = (matches: (queue: Queue) => boolean): Queue => {
    const queue = [...queues.values()].find(matches);
    if (queue) return queue;
    throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
  };
  const byUrl = (url: string) =>
    withoutExpired(
      clock,
      find((queue) => queue.url === url),
    );
  const byArn = (sourceArn: string): void => {
    if (queues.has(sourceArn)) return;
    const missing = "The resource that you specified for the SourceArn parameter doesn't exist.";
    throw new AwsError('ResourceNotFoundException', missing);
  };
  return {
    GetQueueUrl: ({ QueueName: name }) => ({ QueueUrl: find((queue) => queue.name === name).url }),
    ListQueues({ QueueNamePrefix: prefix = '' }) {
      const found = [...queues.values()].filter(({ name }) => name.startsWith(prefix));
      return found.length === 0 ? {} : { QueueUrls: found.map(({ url }) => url) };
    },
    GetQueueAttributes({ QueueUrl: url, AttributeNames: names = [] }) {
      return { Attributes: choose(attributesOf(clock, byUrl(url)), names, true) };
    },
    ReceiveMessage: (input: ReceiveInput) => receive(clock, byUrl(input.QueueUrl), input),
    ChangeMessageVisibility({ QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: seconds }) {
      const queue = byUrl(url);
      const id = messageOf(handle);
      const message = queue.messages.find((one) => one.id === id);
      if (!message || message.visibleAt <= clock.now()) {
        const reason = 'The message is not received, or its time has passed.';
        throw new AwsError(
          'MessageNotInflight',
          `Value ${handle} for parameter ReceiptHandle is invalid. ${reason}`,
        );
      }
      message.visibleAt = clock.now() + seconds * 1000;
    },
    DeleteMessage({ QueueUrl: url, ReceiptHandle: handle }) {
      const queue = byUrl(url);
      const id = messageOf(handle);
      queue.messages = queue.messages.filter((message) => message.id !== id);
    },
    PurgeQueue({ QueueUrl: url }) {
      const queue = byUrl(url);
      if (queue.purgedAt !== undefined && clock.now() - queue.purgedAt < purgeMs) {
        const once = `Only one PurgeQueue operation on ${queue.name} is allowed every 60 seconds.`;
        throw new AwsError('PurgeQueueInProgress', once);
      }
      queue.purgedAt = clock.now();
      queue.messages = [];
    },
    StartMessageMoveTask({ SourceArn: sourceArn }) {
      byArn(sourceArn);
      const refused = 'Source queue must be configured as a Dead Letter Queue.';
      throw new AwsError('InvalidParameterValue', refused);
    },
    ListMessageMoveTasks({ SourceArn: sourceArn }) {
      byArn(sourceArn);
      return { Results: [] };
    },
  };
}

/** What has been there for the retention period is deleted, read or not. */
export function withoutExpired(clock: Clock, queue: Queue): Queue {
  const oldest = clock.now() - queue.retentionSeconds * 1000;
  queue.messages = queue.messages.filter(({ sentAt }) => sentAt > oldest);
  return queue;
}

function messageOf(handle: string): string {
  const [id = ''] = Buffer.from(handle, 'base64').toString().split(' ');
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new AwsError('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
}

function attributesOf(clock: Clock, { arn, messages, createdAt, ...queue }: Queue): Record<string, string> {
  const hidden = messages.filter(({ visibleAt }) => visibleAt > clock.now()).length;
  return {
    QueueArn: arn,
    ApproximateNumberOfMessages: `${messages.length - hidden}`,
    ApproximateNumberOfMessagesNotVisible: `${hidden}`,
    ApproximateNumberOfMessagesDelayed: '0',
    CreatedTimestamp: `${Math.floor(createdAt / 1000)}`,
    VisibilityTimeout: `${queue.visibilityTimeoutSeconds}`,
    MessageRetentionPeriod: `${queue.retentionSeconds}`,
  };
}

async function receive(clock: Clock, queue: Queue, input: ReceiveInput) {
  const { MaxNumberOfMessages: max = 1, WaitTimeSeconds: seconds = 0 } = input;
  const endsAt = clock.now() + seconds * 1000;
  const isVisible = ({ visibleAt }: Message) => visibleAt <= clock.now();
  while (!queue.messages.some(isVisible) && clock.now() < endsAt) {
    await new Promise<void>((resolve) => clock.after(lookMs, resolve));
  }
  const messages = queue.messages.filter(isVisible).slice(0, max);
  const hiddenMs = (input.VisibilityTimeout ?? queue.visibilityTimeoutSeconds) * 1000;
  for (const message of messages) {
    message.visibleAt = clock.now() + hiddenMs;
    message.receipts += 1;
    message.firstReceivedAt ??= clock.now();
  }
  return messages.length === 0 ? {} : { Messages: messages.map((message) => describe(message, input)) };
}

function describe({ id, body, attributes, sentAt, firstReceivedAt, receipts }: Message, input: ReceiveInput) {
  const asked = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])];
  const own = {
    SentTimestamp: `${sentAt}`,
    ApproximateReceiveCount: `${receipts}`,
    ApproximateFirstReceiveTimestamp: `${firstReceivedAt}`,
  };
  const pairs = Object.entries(choose(attributes, input.MessageAttributeNames ?? [], false) ?? {});
  const typed = pairs.map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]);
  return {
    MessageId: id,
    ReceiptHandle: Buffer.from(`${id} ${receipts}`).toString('base64'),
    MD5OfBody: createHash('md5').update(body).digest('hex'),
    Body: body,
    Attributes: choose(own, asked, false),
    MessageAttributes: typed.length === 0 ? undefined : Object.fromEntries(typed),
  };
}

/** Those of these names, or of all; undefined for none, which has no place in an answer. */
function choose(
  all: Record<string, string>,
  names: string[],
  known: boolean,
): Record<string, string> | undefined {
  const unknown = known ? names.find((name) => name !== 'All' && !(name in all)) : undefined;
  if (unknown) throw new AwsError('InvalidAttributeName', `Unknown Attribute ${unknown}.`);
  const chosen = Object.entries(all).filter(([name]) => names.includes('All') || names.includes(name));
  return chosen.length === 0 ? undefined : Object.fromEntries(chosen);
}
