import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { notifier } from '../../shared/aws/events.ts';
import { explain } from './explain.ts';
import { type Letter, readLetter } from './letter.ts';
import { clientConfig, type Place } from './operator.ts';

/** The operator's dead letters. Every failure says what to do about it. */
export interface LetterQueue {
  name: string;
  /**
   * Everything that is there, oldest first, up to `lettersMax`. What has been read is hidden from others until it is
   * released, for a minute at most.
   */
  read(): Promise<Letter[]>;
  /** Shows others again what was read and has stayed. */
  release(): Promise<void>;
  /**
   * Hands the event to its function once more, as an asynchronous invocation. A notice or an alarm goes to the topic by
   * way of the bus, as an event of its own: whoever else listens there had the first one.
   */
  replay(letter: Letter): Promise<void>;
  remove(letter: Letter): Promise<void>;
}

export const lettersMax = 1_000;
const hiddenSeconds = 60;
const answerSeconds = 30;

export function letterQueue(place: Place): LetterQueue {
  const name = `${place.prefix}-dead-letters`;
  const config = clientConfig(place, answerSeconds, 3);
  const [sqs, lambda] = [new SQSClient(config), new LambdaClient(config)];
  const tell = notifier(config, place.prefix);
  const handles = new Map<string, string>();
  let address: Promise<string> | undefined;

  const trying = async <Answer>(action: string, resource: string, call: () => Promise<Answer>) => {
    try {
      return await call();
    } catch (error) {
      throw new Error(explain(error, place, { action, resource }), { cause: error });
    }
  };
  const onQueue = <Answer>(action: string, call: (QueueUrl: string) => Promise<Answer>) =>
    trying(`sqs:${action}`, name, async () => {
      address ??= sqs.send(new GetQueueUrlCommand({ QueueName: name })).then((it) => it.QueueUrl ?? '');
      return call(await address);
    });

  return {
    name,
    async read() {
      const letters = new Map<string, Letter>();
      for (let known = -1; letters.size > known && letters.size < lettersMax; ) {
        known = letters.size;
        const { Messages = [] } = await onQueue('ReceiveMessage', (QueueUrl) =>
          sqs.send(
            new ReceiveMessageCommand({
              QueueUrl,
              MaxNumberOfMessages: 10,
              VisibilityTimeout: hiddenSeconds,
              // With a wait, all of SQS's servers are asked and not some of them.
              WaitTimeSeconds: 1,
              MessageAttributeNames: ['All'],
              MessageSystemAttributeNames: ['SentTimestamp'],
            }),
          ),
        );
        for (const message of Messages) {
          const letter = readLetter(message, place.prefix);
          handles.set(letter.id, message.ReceiptHandle ?? '');
          letters.set(letter.id, letter);
        }
      }
      return [...letters.values()].sort((one, other) => one.at - other.at);
    },
    async release() {
      for (const ReceiptHandle of handles.values()) {
        const input = { QueueUrl: await address, ReceiptHandle, VisibilityTimeout: 0 };
        // One that can't be shown again at once is within the minute.
        await sqs.send(new ChangeMessageVisibilityCommand(input)).catch(() => {});
      }
      handles.clear();
    },
    async replay({ function: FunctionName, notice, event }) {
      if (notice !== null) {
        const told = { type: 'Shoal Told Again', detail: notice };
        return trying('events:PutEvents', 'the default bus', async () => {
          const [refused] = await tell([told]);
          if (refused) throw Object.assign(new Error(refused.reason), { name: refused.reason.split(':')[0] });
        });
      }
      if (FunctionName === null) throw new Error('it is for no function');
      const Payload = Buffer.from(JSON.stringify(event));
      const command = new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload });
      await trying('lambda:InvokeFunction', FunctionName, () => lambda.send(command));
    },
    async remove({ id }) {
      const ReceiptHandle = handles.get(id);
      await onQueue('DeleteMessage', (QueueUrl) =>
        sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle })),
      );
      handles.delete(id);
    },
  };
}
