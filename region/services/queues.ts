import * as model from '@aws-sdk/client-sqs';
import { queueLimits } from '../limits.ts';
import { allows, type Statement } from '../policy.ts';
import type { Clock } from '../ports.ts';
import { AwsError, account, arn, region, type Service } from '../service.ts';
import { queueOperations } from './queue-operations.ts';

export interface Message {
  body: string;
  attributes: Record<string, string>;
  id: string;
  /** Milliseconds since the epoch; received, it isn't seen again until `visibleAt`. */
  sentAt: number;
  visibleAt: number;
  firstReceivedAt?: number;
  receipts: number;
}

export interface Queue {
  name: string;
  arn: string;
  url: string;
  createdAt: number;
  purgedAt?: number;
  visibilityTimeoutSeconds: number;
  retentionSeconds: number;
  messages: Message[];
  policy: Statement[];
}

export type QueueSettings = Pick<Queue, 'visibilityTimeoutSeconds' | 'retentionSeconds'>;

/** SQS as far as dead letters need it: queues that services of the region write to, and people read. */
export interface Queues {
  service: Service;
  /** Answers the queue's ARN and URL. */
  create(name: string, settings?: Partial<QueueSettings>): Queue;
  /** What isn't given stays. Throws QueueDoesNotExist. */
  change(url: string, settings: Partial<QueueSettings>): void;
  remove(url: string): void;
  setPolicy(url: string, policy: Statement[]): void;
  /** Throws QueueDoesNotExist. */
  send(queueArn: string, body: string, attributes?: Record<string, string>): void;
  /** Whether there is the queue, and its policy lets a service send for this source. */
  permits(queueArn: string, service: string, sourceArn: string): boolean;
  messages(queueArn: string): Pick<Message, 'body' | 'attributes'>[];
}

/** For so long after a queue was deleted nothing else can have its name. */
const nameKeptMs = 60_000;

export function createQueues({ clock, newId }: { clock: Clock; newId(): string }): Queues {
  const queues = new Map<string, Queue>();
  const removedAt = new Map<string, number>();
  const find = (queueArn: string) => {
    const queue = queues.get(queueArn);
    if (queue) return queue;
    throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
  };
  const byUrl = (url: string) => find([...queues.values()].find((queue) => queue.url === url)?.arn ?? url);
  return {
    service: {
      name: 'sqs',
      model,
      client: new model.SQSClient({ region }),
      operations: queueOperations(clock, queues),
      limits: queueLimits,
    },
    create(name, settings) {
      const queueArn = arn('sqs', name);
      const url = `https://sqs.${region}.amazonaws.com/${account}/${name}`;
      if (queues.has(queueArn))
        throw new AwsError('QueueAlreadyExists', `A queue named ${name} already exists`);
      if (clock.now() - (removedAt.get(queueArn) ?? -Infinity) < nameKeptMs) {
        const wait = 'You must wait 60 seconds after deleting a queue before you can create another';
        throw new AwsError('QueueDeletedRecently', `${wait} with the same name.`);
      }
      const defaults = { visibilityTimeoutSeconds: 30, retentionSeconds: 345_600 };
      const empty = { createdAt: clock.now(), messages: [], policy: [] };
      const queue: Queue = { name, arn: queueArn, url, ...defaults, ...settings, ...empty };
      queues.set(queueArn, queue);
      return queue;
    },
    change: (url, settings) => void Object.assign(byUrl(url), settings),
    remove(url) {
      const { arn: queueArn } = byUrl(url);
      queues.delete(queueArn);
      removedAt.set(queueArn, clock.now());
    },
    setPolicy(url, policy) {
      byUrl(url).policy = policy;
    },
    send(queueArn, body, attributes = {}) {
      const times = { sentAt: clock.now(), visibleAt: 0, receipts: 0 };
      find(queueArn).messages.push({ body, attributes, id: newId(), ...times });
    },
    permits: (queueArn, service, sourceArn) =>
      allows(queues.get(queueArn)?.policy ?? [], {
        ...{ action: 'sqs:SendMessage', resource: queueArn, principal: service },
        keys: { 'aws:sourcearn': sourceArn, 'aws:sourceaccount': account },
      }),
    messages: (queueArn) => find(queueArn).messages.map(({ body, attributes }) => ({ body, attributes })),
  };
}
