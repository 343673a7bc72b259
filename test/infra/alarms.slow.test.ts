import { afterEach, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from '../scenarios/virtual-region.ts';
import { type Alarm, type Datum, isInAlarm, packaged } from './alarms.ts';

const alarms = [...packaged<Alarm>('AWS::CloudWatch::Alarm').values()];
const minuteMs = 60_000;
const queue = 'arn:aws:sqs:ap-northeast-1:000000000000:shoal-dead-letters';

let region: Virtual;
let depths: Datum[];
afterEach(() => region.close());

// Throttles of Lambda and a fleet's own two are not among them: the region measures neither.
test('seven alarms go off by their faults, and none without', { timeout: 120_000 }, async () => {
  region = await virtualRegion({ capacity: 5, pace: 'real' });
  depths = [];
  await region.settled();
  expect(await goneOff(12)).toEqual([]);

  const [drifted = '', offline = '', ...others] = region.instances().map(({ id }) => id);
  // Somebody changed a host, and its disk is full.
  region.hosts.behave(drifted, 'unable');
  Object.assign(region.hosts.machines.get(drifted) ?? {}, { running: 'other', file: 'other' });
  region.world.faults.add({ kind: 'stop-agent', subject: offline });
  for (const id of others) region.hosts.behave(id, 'rejects');
  region.put('allowed-cidrs', '172.31.0.0/24,192.168.7.0/24');
  // Of two that come in, one never gets an agent, and no machine of now on can take a file.
  region.world.faults.add({ kind: 'stop-agent', subject: 'new', times: 1 });
  region.hosts.behave('*', 'unable');
  region.capacity(7);
  const reconcile = 'arn:aws:lambda:ap-northeast-1:000000000000:function:shoal-reconcile';
  region.applications.functions.invokeAsync(reconcile, { nonsense: true });
  expect(await goneOff(22)).toEqual([
    'shoal/dead-letters',
    'shoal/drift-not-repaired',
    'shoal/failed-admissions',
    'shoal/held-launches',
    'shoal/rejected-configuration',
    'shoal/sick-or-unhealthy-hosts',
  ]);

  const call = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
  region.applications.events.service.operations.DisableRule?.({ Name: 'shoal-sweep' }, call);
  expect(await goneOff(7)).toContain('shoal/no-sweep');
});

/** The names of the alarms that are in alarm at one of the next so many minutes. */
async function goneOff(minutes: number): Promise<string[]> {
  const names = new Set<string>();
  for (let minute = 0; minute < minutes; minute++) {
    const end = Date.now() + minuteMs;
    await region.until('a minute passes', () => Date.now() >= end);
    depths.push({
      ...{ at: Date.now() - 1, namespace: 'AWS/SQS', name: 'ApproximateNumberOfMessagesVisible' },
      dimensions: { QueueName: 'shoal-dead-letters' },
      value: region.applications.queues.messages(queue).length,
    });
    const data = [...depths, ...region.measured.map(own)];
    for (const alarm of alarms) if (isInAlarm(alarm, data, Date.now())) names.add(alarm.AlarmName);
  }
  return [...names].sort();
}

/** As test/runtime/metrics.test.ts shows that it is written. */
function own({ at, prefix, name, value, dimensions }: Virtual['measured'][number]): Datum {
  return { at, namespace: 'Shoal', name, value, dimensions: { service: prefix, ...dimensions } };
}
