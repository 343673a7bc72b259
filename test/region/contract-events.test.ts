import { randomUUID } from 'node:crypto';
import * as eventbridge from '@aws-sdk/client-eventbridge';
import * as sqs from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineClock } from '../../region/clock.ts';
import { listen, requestHandler } from '../../region/http.ts';
import { createEvents } from '../../region/services/events.ts';
import { createQueues } from '../../region/services/queues.ts';
import { createTopics } from '../../region/services/topics.ts';
import { createBed } from './bed.ts';
import { refusal } from './contract.ts';

const bed = createBed();
const { world } = bed;
const queues = createQueues({ clock: machineClock, newId: randomUUID });
const queue = queues.create('dead');
const events = createEvents({
  clock: machineClock,
  newId: randomUUID,
  pace: world.pace,
  faults: world.faults,
  publish: world.publish,
  functions: { permits: () => true, invokeAsync: () => {} },
  topics: createTopics(machineClock, () => {}),
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

function settings(way: string) {
  const transport =
    way === 'over HTTP'
      ? { endpoint: `http://127.0.0.1:${server.port}` }
      : { endpoint: 'http://region', requestHandler: requestHandler(world.wire) as never };
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
  return { region: 'ap-northeast-1', credentials, ...transport };
}

describe.each(['over HTTP', 'in process'])('EventBridge, %s', (way) => {
  const send = async (command: object) => {
    const client = new eventbridge.EventBridgeClient(settings(way));
    return await client.send(command as eventbridge.ListRulesCommand).finally(() => client.destroy());
  };

  test('disables, lists and enables rules', async () => {
    await send(new eventbridge.DisableRuleCommand({ Name: 'rule' }));
    expect((await send(new eventbridge.ListRulesCommand({}))).Rules).toMatchObject([
      { Name: 'rule', State: 'DISABLED', EventPattern: '{"source":["me"]}' },
    ]);
    await send(new eventbridge.EnableRuleCommand({ Name: 'rule' }));
    expect((await send(new eventbridge.ListRulesCommand({}))).Rules?.[0]?.State).toBe('ENABLED');
  });

  test('refuses rules that are not there', async () => {
    for (const command of [eventbridge.DisableRuleCommand, eventbridge.EnableRuleCommand]) {
      expect(await refusal(send(new command({ Name: 'other' })))).toEqual([
        'ResourceNotFoundException',
        'Rule other does not exist on EventBus default.',
      ]);
    }
    const none = send(new eventbridge.ListRulesCommand({ Limit: 0 }));
    expect((await refusal(none))?.[0]).toBe('ValidationException');
  });

  test('takes an event, and refuses one that says nothing', async () => {
    const put = (entry: object) =>
      send(new eventbridge.PutEventsCommand({ Entries: [entry] })) as Promise<eventbridge.PutEventsResponse>;
    expect((await put({ Source: 'me', DetailType: 'x', Detail: '{}' })).FailedEntryCount).toBe(0);
    expect(await put({ Source: 'me', DetailType: 'x', Detail: 'x' })).toMatchObject({
      FailedEntryCount: 1,
      Entries: [{ ErrorCode: 'MalformedDetail' }],
    });
  });
});

describe.each(['over HTTP', 'in process'])('SQS, %s', (way) => {
  const send = async <Answer>(command: object) => {
    const client = new sqs.SQSClient(settings(way));
    return (await client.send(command as sqs.ListQueuesCommand).finally(() => client.destroy())) as Answer;
  };
  const QueueUrl = queue.url;
  const none = `${queue.url}x`;

  test('finds a queue, and receives and deletes its messages', async () => {
    queues.send(queue.arn, 'letter', { RULE_ARN: 'arn:rule' });
    expect(await send(new sqs.GetQueueUrlCommand({ QueueName: 'dead' }))).toMatchObject({ QueueUrl });
    expect(await send(new sqs.ListQueuesCommand({ QueueNamePrefix: 'dead' }))).toMatchObject({
      QueueUrls: [QueueUrl],
    });
    const counted = new sqs.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
    expect(await send(counted)).toMatchObject({ Attributes: { ApproximateNumberOfMessages: '1' } });
    const receive = () =>
      send<sqs.ReceiveMessageResult>(
        new sqs.ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'] }),
      );
    const [{ Body, MessageAttributes, ReceiptHandle } = {}] = (await receive()).Messages ?? [];
    expect(Body).toBe('letter');
    expect(MessageAttributes).toMatchObject({ RULE_ARN: { StringValue: 'arn:rule' } });
    expect((await receive()).Messages).toBeUndefined();
    expect(await send(counted)).toMatchObject({
      Attributes: { ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '1' },
    });
    await send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    expect(queues.messages(queue.arn)).toEqual([]);
    const tasks = new sqs.ListMessageMoveTasksCommand({ SourceArn: queue.arn });
    expect(await send(tasks)).toMatchObject({ Results: [] });
  });

  test('empties a queue, once a minute', async () => {
    const { url, arn } = queues.create(way.replaceAll(' ', '-'));
    queues.send(arn, 'letter');
    const purge = () => send(new sqs.PurgeQueueCommand({ QueueUrl: url }));
    await purge();
    expect(queues.messages(arn)).toEqual([]);
    expect((await refusal(purge()))?.[0]).toBe('PurgeQueueInProgress');
  });

  test('refuses what is not there, and what a queue without a source cannot do', async () => {
    const missing = 'QueueDoesNotExist';
    const refusals: [object, string | RegExp][] = [
      [new sqs.GetQueueUrlCommand({ QueueName: 'x' }), missing],
      [new sqs.GetQueueAttributesCommand({ QueueUrl: none }), missing],
      [new sqs.ReceiveMessageCommand({ QueueUrl: none }), missing],
      [new sqs.PurgeQueueCommand({ QueueUrl: none }), missing],
      [new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle: 'x' }), 'ReceiptHandleIsInvalid'],
      [new sqs.ListMessageMoveTasksCommand({ SourceArn: `${queue.arn}x` }), 'ResourceNotFoundException'],
      [new sqs.StartMessageMoveTaskCommand({ SourceArn: queue.arn }), /./],
      [new sqs.SendMessageCommand({ QueueUrl, MessageBody: 'x' }), 'UnknownOperationException'],
    ];
    for (const [command, name] of refusals) {
      const [said = ''] = (await refusal(send(command))) ?? [];
      expect(said, command.constructor.name).toMatch(name);
    }
  });
});
