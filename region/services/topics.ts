import { allows, type Statement } from '../policy.ts';
import type { Clock } from '../ports.ts';
import { AwsError, account, arn } from '../service.ts';

/** SNS as far as notifications need it: topics that EventBridge publishes to, kept for a person to read. */
export interface Topics {
  /** Answers the topic's ARN. Throws for a name that is taken. */
  create(name: string): string;
  remove(topicArn: string): void;
  /** Throws NotFound. */
  setPolicy(topicArn: string, policy: Statement[]): void;
  /** Whether the topic's policy lets a service publish for this source. Throws NotFound. */
  permits(topicArn: string, service: string, sourceArn: string): boolean;
  /** Throws NotFound. */
  publish(topicArn: string, message: string): void;
  /** The last `messagesMax`, oldest first. Throws NotFound. */
  messages(topicArn: string): readonly TopicMessage[];
}

export interface TopicMessage {
  /** Milliseconds since the epoch. */
  at: number;
  message: string;
}

interface Topic {
  name: string;
  policy: Statement[];
  messages: TopicMessage[];
}

const messagesMax = 1_000;

/** @param onMessage Sees each message, whether anybody has subscribed or not. */
export function createTopics(clock: Clock, onMessage: (name: string, message: string) => void): Topics {
  const topics = new Map<string, Topic>();
  const find = (topicArn: string): Topic => {
    const topic = topics.get(topicArn);
    if (topic) return topic;
    throw new AwsError('NotFound', 'Topic does not exist', 404);
  };
  return {
    create(name) {
      const topicArn = arn('sns', name);
      if (topics.has(topicArn)) throw new AwsError('InvalidParameter', `Topic ${name} already exists`);
      topics.set(topicArn, { name, policy: [], messages: [] });
      return topicArn;
    },
    remove: (topicArn) => void topics.delete(topicArn),
    setPolicy(topicArn, policy) {
      find(topicArn).policy = policy;
    },
    permits: (topicArn, service, sourceArn) =>
      allows(find(topicArn).policy, {
        ...{ action: 'sns:Publish', resource: topicArn, principal: service },
        keys: { 'aws:sourcearn': sourceArn, 'aws:sourceaccount': account },
      }),
    publish(topicArn, message) {
      const { name, messages } = find(topicArn);
      messages.push({ at: clock.now(), message });
      if (messages.length > messagesMax) messages.shift();
      onMessage(name, message);
    },
    messages: (topicArn) => find(topicArn).messages,
  };
}
