import { randomUUID } from 'node:crypto';
import * as eventbridge from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineClock } from '../../region/clock.ts';
import { listen, requestHandler } from '../../region/http.ts';
import { createEvents } from '../../region/services/events.ts';
import { createQueues } from '../../region/services/queues.ts';
import { createBed } from './bed.ts';
import { refusal } from './contract.ts';

const bed = createBed();
const { world } = bed;
const queues = createQueues({ clock: machineClock, newId: randomUUID });
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
  world.add(events.service);
  server = await listen(world.wire, 0);
});
afterAll(async () => {
  events.close();
  await server.close();
  await world.close();
});

describe.each(['over HTTP', 'in process'])('EventBridge rules, %s', (way) => {
  const send = async (command: object) => {
    const transport =
      way === 'over HTTP'
        ? { endpoint: `http://127.0.0.1:${server.port}` }
        : { endpoint: 'http://region', requestHandler: requestHandler(world.wire) as never };
    const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
    const client = new eventbridge.EventBridgeClient({ region: 'ap-northeast-1', credentials, ...transport });
    return await client.send(command as eventbridge.ListRulesCommand).finally(() => client.destroy());
  };

  test('are disabled, listed and enabled again', async () => {
    await send(new eventbridge.DisableRuleCommand({ Name: 'rule' }));
    expect((await send(new eventbridge.ListRulesCommand({}))).Rules).toMatchObject([
      { Name: 'rule', State: 'DISABLED', EventPattern: '{"source":["me"]}' },
    ]);
    await send(new eventbridge.EnableRuleCommand({ Name: 'rule' }));
    expect((await send(new eventbridge.ListRulesCommand({}))).Rules?.[0]?.State).toBe('ENABLED');
  });

  test('are refused when they are not there', async () => {
    for (const command of [eventbridge.DisableRuleCommand, eventbridge.EnableRuleCommand]) {
      expect(await refusal(send(new command({ Name: 'other' })))).toEqual([
        'ResourceNotFoundException',
        'Rule other does not exist on EventBus default.',
      ]);
    }
    const none = send(new eventbridge.ListRulesCommand({ Limit: 0 }));
    expect((await refusal(none))?.[0]).toBe('ValidationException');
  });
});
