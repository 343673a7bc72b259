import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineClock } from '../../region/clock.ts';
import { listen } from '../../region/http.ts';
import { createEvents } from '../../region/services/events.ts';
import { createQueues } from '../../region/services/queues.ts';
import { hasCliModule, startAwsCli } from './aws-cli.ts';
import { createBed } from './bed.ts';

const bed = createBed();
const { world } = bed;
const queues = createQueues({ clock: machineClock, newId: randomUUID });
const queue = queues.create('dead', { visibilityTimeoutSeconds: 40 });
const events = createEvents({
  clock: machineClock,
  newId: randomUUID,
  pace: world.pace,
  faults: world.faults,
  publish: world.publish,
  functions: { permits: () => true, invokeAsync: () => {} },
  queues,
});
events.createRule({ name: 'rule', pattern: { source: ['me'] }, enabled: true, targets: [] });
let server: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  for (const { service } of [events, queues]) world.add(service);
  server = await listen(world.wire, 0);
});
afterAll(async () => {
  events.close();
  await server.close();
  await world.close();
});

describe.skipIf(!hasCliModule)(
  'the AWS CLI as a Python module (skipped where there is none)',
  { timeout: 180_000 },
  () => {
    let cli: ReturnType<typeof startAwsCli>;
    beforeAll(() => {
      cli = startAwsCli(`http://127.0.0.1:${server.port}`);
    });
    afterAll(() => cli.end());
    const aws = async (...words: string[]): Promise<{ json: Record<string, never>; stderr: string }> => {
      const { stdout, stderr } = await cli.run(...words);
      return { json: JSON.parse(stdout || '{}'), stderr };
    };
    const sqs = (operation: string, ...words: string[]) => aws('sqs', operation, ...words);
    const at = ['--queue-url', queue.url];

    test('switches rules', async () => {
      expect((await aws('events', 'disable-rule', '--name', 'rule')).stderr).toBe('');
      expect((await aws('events', 'list-rules')).json).toMatchObject({ Rules: [{ State: 'DISABLED' }] });
      expect((await aws('events', 'enable-rule', '--name', 'rule')).stderr).toBe('');
      expect((await aws('events', 'enable-rule', '--name', 'x')).stderr).toContain(
        '(ResourceNotFoundException)',
      );
    });

    test('puts an event', async () => {
      const put = (entries: string) => aws('events', 'put-events', '--entries', entries);
      expect((await put('[{"Source":"me","DetailType":"x","Detail":"{}"}]')).json).toMatchObject({
        FailedEntryCount: 0,
      });
      expect((await put('[{"Colour":"red"}]')).stderr).toContain('Colour');
      expect((await aws('events', 'list-rules', '--limit', '0')).stderr).not.toBe('');
    });

    test('finds a queue, and receives and deletes a dead letter', async () => {
      queues.send(queue.arn, '{"a":1}', { RULE_ARN: 'arn:rule' });
      expect((await sqs('get-queue-url', '--queue-name', 'dead')).json).toEqual({ QueueUrl: queue.url });
      expect((await sqs('list-queues')).json).toEqual({ QueueUrls: [queue.url] });
      const received = await sqs('receive-message', ...at, '--message-attribute-names', 'All');
      const message = { Body: '{"a":1}', MessageAttributes: { RULE_ARN: { StringValue: 'arn:rule' } } };
      expect(received.json).toMatchObject({ Messages: [message] });
      const attributes = await sqs('get-queue-attributes', ...at, '--attribute-names', 'All');
      expect(attributes.json).toMatchObject({
        Attributes: {
          ApproximateNumberOfMessages: '0',
          ApproximateNumberOfMessagesNotVisible: '1',
          VisibilityTimeout: '40',
        },
      });
      expect((await sqs('receive-message', ...at)).json).toEqual({});
      const [{ ReceiptHandle }] = received.json.Messages as unknown as [{ ReceiptHandle: string }];
      await sqs('delete-message', ...at, '--receipt-handle', ReceiptHandle);
      expect(queues.messages(queue.arn)).toEqual([]);
    });

    test('empties a queue, once a minute', async () => {
      queues.send(queue.arn, 'x');
      expect((await sqs('purge-queue', ...at)).stderr).toBe('');
      expect(queues.messages(queue.arn)).toEqual([]);
      expect((await sqs('purge-queue', ...at)).stderr).toContain('PurgeQueueInProgress');
    });

    test('is refused what a dead-letter queue without a source cannot do', async () => {
      const start = await sqs('start-message-move-task', '--source-arn', queue.arn);
      expect(start.stderr).toContain('Source queue must be configured as a Dead Letter Queue.');
      const tasks = await sqs('list-message-move-tasks', '--source-arn', queue.arn);
      expect(tasks.json).toEqual({ Results: [] });
      const missing = 'NonExistentQueue';
      const none = ['--queue-url', `${queue.url}x`];
      const refusals: [string[], string][] = [
        [['get-queue-url', '--queue-name', 'x'], missing],
        [['get-queue-attributes', ...none], missing],
        [['get-queue-attributes', ...at, '--attribute-names', 'Colour'], 'Colour'],
        [['receive-message', ...none], missing],
        [['receive-message', ...at, '--max-number-of-messages', '11'], 'less than or equal to 10'],
        [['delete-message', ...at, '--receipt-handle', 'x'], 'ReceiptHandleIsInvalid'],
        [['purge-queue', ...none], missing],
        [['list-message-move-tasks', '--source-arn', `${queue.arn}x`], 'ResourceNotFoundException'],
        [['send-message', ...at, '--message-body', 'x'], 'UnknownOperationException'],
      ];
      const asked = refusals.map(async ([[operation = '', ...words], reason]) => {
        expect((await sqs(operation, ...words)).stderr).toContain(reason);
      });
      await Promise.all(asked);
    });
  },
);
