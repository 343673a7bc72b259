import { afterEach, beforeEach, expect, test } from 'vitest';
import { roleOf, takeAway } from '../scenarios/roles.ts';
import { type Virtual, virtualRegion } from '../scenarios/virtual-region.ts';
import { type Alarm, type Datum, isInAlarm, packaged } from './alarms.ts';

const alarms = [...packaged<Alarm>('AWS::CloudWatch::Alarm').values()];
const minuteMs = 60_000;
const here = 'ap-northeast-1:000000000000';
const queue = `arn:aws:sqs:${here}:shoal-dead-letters`;
const functionArn = (name: string) => `arn:aws:lambda:${here}:function:shoal-${name}`;

let region: Virtual;
/** What CloudWatch is given by others than the operator. */
let counted: Datum[];
beforeEach(() => {
  counted = [];
});
afterEach(() => region.close());

const count = (namespace: string, name: string, dimensions: Record<string, string>, value = 1) =>
  void counted.push({ at: Date.now() - 1, namespace, name, dimensions, value });

test('seven alarms go off by their faults, and none without', { timeout: 120_000 }, async () => {
  region = await virtualRegion({ capacity: 5, pace: 'real', onMetric: count });
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
  region.applications.functions.invokeAsync(functionArn('reconcile'), { nonsense: true });
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

test('so do those of what is throttled, lost or comes again', { timeout: 120_000 }, async () => {
  region = await virtualRegion({ capacity: 0, pace: 'real', onMetric: count, denials: true });
  const { functions, queues, topics } = region.applications;
  const call = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
  region.applications.events.service.operations.DisableRule?.({ Name: 'shoal-sweep' }, call);
  functions.invokeAsync(functionArn('reconcile'), { nonsense: true });
  functions.invokeAsync(functionArn('reconcile'), { nonsense: true });
  expect(await goneOff(8)).toEqual(['shoal/dead-letters', 'shoal/no-sweep']);
  functions.invokeAsync(functionArn('reconcile'), { nonsense: true });
  expect(await goneOff(8)).toEqual(['shoal/dead-letters', 'shoal/more-dead-letters', 'shoal/no-sweep']);

  takeAway(region.world.access.roles.get(roleOf('reconcile'))!, 'sqs:SendMessage');
  functions.invokeAsync(functionArn('reconcile'), { nonsense: true });
  expect(await goneOff(8)).toContain('shoal/lost-records');

  topics.setPolicy(`arn:aws:sns:${here}:shoal-notifications`, []);
  queues.setPolicy(`https://sqs.ap-northeast-1.amazonaws.com/000000000000/shoal-dead-letters`, []);
  region.world.publish({ source: 'shoal', 'detail-type': 'Shoal Fleet Status', detail: {} });
  expect(await goneOff(2)).toContain('shoal/lost-events');

  for (const name of ['admit', 'drain', 'reconcile']) {
    functions.change(`shoal-${name}`, { reservedConcurrency: 0 });
    functions.invokeAsync(functionArn(name), {});
  }
  const throttled = ['shoal/throttles-admit', 'shoal/throttles-drain', 'shoal/throttles-reconcile'];
  expect(await goneOff(12)).toEqual(expect.arrayContaining(throttled));
});

test('so do both of a fleet', { timeout: 120_000 }, async () => {
  region = await virtualRegion({ capacity: 2, pace: 'real' });
  await region.settled();
  const { stacks } = region.applications;
  const given = Object.entries(stacks.stack('demo')!.parameters).map(([name, value]) => [
    name,
    String(value),
  ]);
  const wanted = { HealthyTargetsWanted: '2', AccessLog: 'yes', RefusedClientsMax: '100' };
  const { ImageArm64: _, ImageX86: __, ...parameters } = Object.fromEntries(given);
  stacks.update('demo', { ...parameters, ...wanted });
  const resources = [...stacks.stack('demo')!.resources.values()];
  const own = resources.flatMap(({ type, properties }) =>
    type === 'AWS::CloudWatch::Alarm' ? [properties as unknown as Alarm] : [],
  );
  const filter = resources.find(({ type }) => type === 'AWS::Logs::MetricFilter')!.properties;
  const [healthy] = own.filter(({ MetricName }) => MetricName === 'HealthyHostCount');
  const dimensions = Object.fromEntries(healthy!.Dimensions!.map(({ Name, Value }) => [Name, Value]));
  const everyMinute = () => {
    const targets = region.targets().filter(({ state }) => state === 'healthy');
    count('AWS/NetworkELB', 'HealthyHostCount', dimensions, targets.length);
  };
  expect(await goneOff(6, own, everyMinute)).toEqual([]);

  // docs/fleet.md has such lines; a destination that is refused is another rule's.
  const line = (rule: string) =>
    `1763982001.456 0 10.99.0.4 TCP_DENIED/403 3900 CONNECT s3.example:443 - HIER_NONE/- text/html ${rule}`;
  const [{ MetricNamespace, MetricName } = {} as Record<string, string>] = filter.MetricTransformations as [];
  const isMatched = (text: string) => isOfPattern(String(filter.FilterPattern), text);
  const refuse = (rule: string, times: number) => {
    const matched = Array(times).fill(line(rule)).filter(isMatched);
    for (const _ of matched) count(MetricNamespace!, MetricName!, {});
  };
  refuse('allowed-domains', 101);
  refuse('allowed-cidrs', 100);
  expect(await goneOff(6, own, everyMinute)).toEqual([]);
  refuse('allowed-cidrs', 101);
  for (const [, machine] of region.hosts.machines) machine.reachable = false;
  expect(await goneOff(7, own, everyMinute)).toEqual([
    'shoal/demo-healthy-targets',
    'shoal/demo-refused-clients',
  ]);
});

/** The names of the alarms that are in alarm at one of the next so many minutes. */
async function goneOff(minutes: number, watched = alarms, everyMinute = () => {}): Promise<string[]> {
  const names = new Set<string>();
  for (let minute = 0; minute < minutes; minute++) {
    const end = Date.now() + minuteMs;
    await region.until('a minute passes', () => Date.now() >= end);
    const depth = region.applications.queues.messages(queue).length;
    count('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: 'shoal-dead-letters' }, depth);
    everyMinute();
    const data = [...counted, ...region.measured.map(own)];
    for (const alarm of watched) if (isInAlarm(alarm, data, Date.now())) names.add(alarm.AlarmName);
  }
  return [...names].sort();
}

/** Whether a filter of CloudWatch Logs takes a line: words by their place, `...` for as many as there are. */
function isOfPattern(pattern: string, text: string): boolean {
  const fields = pattern.slice(1, -1).split(/, /);
  const words = text.split(' ');
  const gap = fields.indexOf('...');
  return fields.every((field, place) => {
    const [, wanted = '*'] = / = "?([^"]*)"?$/.exec(field) ?? [];
    const word = words[place < gap ? place : words.length - fields.length + place] ?? '';
    return wanted.endsWith('*') ? word.startsWith(wanted.slice(0, -1)) : word === wanted;
  });
}

/** As test/runtime/metrics.test.ts shows that it is written. */
function own({ at, prefix, name, value, dimensions }: Virtual['measured'][number]): Datum {
  return { at, namespace: 'Shoal', name, value, dimensions: { service: prefix, ...dimensions } };
}
