import { AwsError, account, arn, region } from '../service.ts';

export interface Message {
  body: string;
  attributes: Record<string, string>;
}

export interface QueueStatement {
  Effect: string;
  Principal?: { Service?: string | string[] };
  Action: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/** SQS as far as dead letters need it: queues that services of the region write to. */
export interface Queues {
  /** Answers the queue's ARN and URL. */
  create(name: string): { arn: string; url: string };
  setPolicy(url: string, statements: QueueStatement[]): void;
  /** Throws AWS.SimpleQueueService.NonExistentQueue. */
  send(queueArn: string, body: string, attributes?: Record<string, string>): void;
  /** Whether the queue's policy lets a service send for this source. */
  permits(queueArn: string, service: string, sourceArn: string): boolean;
  messages(queueArn: string): Message[];
}

export function createQueues(): Queues {
  const queues = new Map<string, { url: string; messages: Message[]; statements: QueueStatement[] }>();
  const find = (queueArn: string) => {
    const queue = queues.get(queueArn);
    if (queue) return queue;
    throw new AwsError('AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.');
  };
  return {
    create(name) {
      const queueArn = arn('sqs', name);
      const url = `https://sqs.${region}.amazonaws.com/${account}/${name}`;
      if (queues.has(queueArn))
        throw new AwsError('QueueAlreadyExists', `A queue named ${name} already exists`);
      queues.set(queueArn, { url, messages: [], statements: [] });
      return { arn: queueArn, url };
    },
    setPolicy(url, statements) {
      const named = [...queues].find(([, queue]) => queue.url === url);
      find(named?.[0] ?? url).statements = statements;
    },
    send: (queueArn, body, attributes = {}) => void find(queueArn).messages.push({ body, attributes }),
    permits: (queueArn, service, sourceArn) =>
      find(queueArn).statements.some(
        ({ Effect, Principal, Action, Condition }) =>
          Effect === 'Allow' &&
          [Principal?.Service ?? []].flat().includes(service) &&
          [Action].flat().includes('sqs:SendMessage') &&
          sourceAllowed(Condition, sourceArn),
      ),
    messages: (queueArn) => find(queueArn).messages,
  };
}

/** Conditions on aws:SourceArn alone are understood; any other one never holds. */
function sourceAllowed(condition: QueueStatement['Condition'], sourceArn: string): boolean {
  return Object.entries(condition ?? {}).every(
    ([operator, operands]) =>
      ['ArnEquals', 'ArnLike', 'StringEquals'].includes(operator) &&
      Object.entries(operands).every(
        ([key, values]) => key.toLowerCase() === 'aws:sourcearn' && [values].flat().includes(sourceArn),
      ),
  );
}
