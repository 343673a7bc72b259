import { afterEach, expect, test } from 'vitest';
import type { BusEvent } from '../../region/context.ts';
import { throttle, type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(() => region.close());

const isLaunch = ({ 'detail-type': type }: BusEvent) => type === 'EC2 Instance-launch Lifecycle Action';
const isTerminate = ({ 'detail-type': type }: BusEvent) => type === 'EC2 Instance-terminate Lifecycle Action';
const acts = (name: string, id: string) =>
  region.logs
    .filter((line) => line.function === name && line.instance === id)
    .map(({ step, result }) => `${step}${result === undefined ? '' : ` ${result}`}`)
    .filter((step) => !['wait', 'nothing'].includes(step));

test('brings two instances in: applied, registered, continued', async () => {
  region = await virtualRegion();
  await region.settled();
  expect(region.failures).toEqual([]);
  for (const { id } of region.inService())
    expect(acts('admit', id)).toEqual(['apply', 'register', 'complete CONTINUE']);
  const live = region.status()?.live?.sha256;
  expect([...region.hosts.machines.values()].map(({ running }) => running)).toEqual([live, live]);
});

test('registers only after the proof, and continues only when healthy', async () => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  const { log } = region.world.wire;
  await region.settled();
  const first = (operation: string) => log.findIndex((entry) => entry.operation === operation);
  const healthy = log.findLastIndex(({ operation }) => operation === 'DescribeTargetHealth');
  expect(first('RegisterTargets')).toBeGreaterThan(first('ListCommandInvocations'));
  expect(first('CompleteLifecycleAction')).toBeGreaterThan(first('RegisterTargets'));
  expect(healthy).toBeGreaterThan(first('RegisterTargets'));
});

test('an admission takes few calls at the true speed of AWS', async ({ task }) => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  await region.settled();
  const { log } = region.world.wire;
  log.length = 0;
  region.capacity(2);
  await region.until('the second instance', () => region.inService().length === 2);
  const mine = log.filter(({ identity }) => identity.endsWith('/shoal-admit'));
  const distinct = new Set(mine.map(({ operation, input }) => `${operation} ${JSON.stringify(input)}`));
  const reads = mine.filter(({ operation }) => /^(Describe|Get|List)/.test(operation));
  expect(region.failures).toEqual([]);
  expect([...distinct].map((call) => String(call.split(' ')[0])).sort()).toMatchInlineSnapshot(`
    [
      "CompleteLifecycleAction",
      "DescribeAutoScalingGroups",
      "DescribeInstanceInformation",
      "DescribeLifecycleHooks",
      "DescribeTags",
      "DescribeTargetGroupAttributes",
      "DescribeTargetGroups",
      "DescribeTargetHealth",
      "GetParameters",
      "GetParametersByPath",
      "ListCommandInvocations",
      "RegisterTargets",
      "SendCommand",
    ]
  `);
  // The bench reads them from the report.
  Object.assign(task.meta, { distinct: distinct.size, reads: reads.length });
  expect(distinct.size).toBeLessThanOrEqual(14);
  expect(reads.length).toBeLessThanOrEqual(25);
});

test('a sweep brings in an instance whose event was lost', async () => {
  region = await virtualRegion({ capacity: 1, deliver: (event) => (isLaunch(event) ? 0 : 1) });
  await region.settled();
  expect(region.logs.some((line) => line.function === 'admit')).toBe(false);
});

test('a doubled event does no harm', async () => {
  region = await virtualRegion({ deliver: (event) => (isLaunch(event) || isTerminate(event) ? 2 : 1) });
  await region.settled();
  region.capacity(1);
  await region.until('one is gone', () => region.hosts.machines.size === 1);
  expect(region.failures).toEqual([]);
});

test('drains a leaving instance while a client is connected', async () => {
  region = await virtualRegion();
  await region.settled();
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  region.capacity(1);
  const leaving = () => region.instances().find(({ lifecycle }) => lifecycle === 'Terminating:Wait');
  await region.until('one is leaving', leaving);
  const id = leaving()?.id as string;
  await region.until('it has counted its clients', () =>
    region.logs.some(({ reason }) => String(reason).includes('1 client ')),
  );
  expect(
    (await region.aws.targets.health(region.targetGroup)).find(({ instance }) => instance === id)?.state,
  ).toBe('draining');
  const since = Date.now();
  const machine = region.hosts.machines.get(id);
  if (machine !== undefined) machine.connections = 0;
  await region.until('it is gone', () => !region.hosts.machines.has(id));
  expect(Date.now() - since).toBeLessThan(10_000);
  expect(acts('drain', id).at(-1)).toBe('complete CONTINUE');
});

test('a client that never ends holds the drain for its delay alone', async () => {
  region = await virtualRegion();
  await region.settled();
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  const since = Date.now();
  region.capacity(1);
  await region.until('one is gone', () => region.hosts.machines.size === 1);
  expect(Date.now() - since).toBeGreaterThanOrEqual(20_000);
  expect(Date.now() - since).toBeLessThan(35_000);
});

test('foreign and malformed events say why in one line and change nothing', async () => {
  region = await virtualRegion();
  await region.settled();
  const before = region.world.wire.log.length;
  const event = (detail: Record<string, string>) => ({
    source: 'aws.autoscaling',
    'detail-type': 'EC2 Instance-launch Lifecycle Action',
    detail: {
      AutoScalingGroupName: 'shoal-demo',
      LifecycleHookName: 'shoal-launch',
      EC2InstanceId: 'i-0123456789abcdef0',
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      ...detail,
    },
  });
  region.logs.length = 0;
  region.world.publish(event({}));
  region.world.publish(event({ AutoScalingGroupName: 'somebody-else' }));
  region.world.publish({ ...event({}), detail: { LifecycleHookName: 'shoal-launch' } });
  await region.until(
    'all three are answered',
    () => region.logs.filter(({ message }) => message === 'event ignored').length === 3,
  );
  expect(
    region.logs.filter(({ message }) => message === 'event ignored').map(({ reason }) => reason),
  ).toEqual([
    'there is no group somebody-else',
    'it is no lifecycle event',
    // It may only not be described yet, so it is looked for a few times.
    'i-0123456789abcdef0 is not in group shoal-demo any more',
  ]);
  const calls = region.world.wire.log
    .slice(before)
    .filter(({ identity }) => identity.endsWith('/shoal-admit'));
  expect(calls.every(({ operation }) => operation.startsWith('Describe'))).toBe(true);
  expect(region.failures).toEqual([]);
});

test('an event of a group without the tag is left alone', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  const group = region.world.autoscaling.group('shoal-demo');
  group?.tags.splice(0);
  region.capacity(2);
  await region.until('it says why', () =>
    region.logs.some(({ reason }) => String(reason).includes('is not tagged')),
  );
  expect([...region.hosts.machines.values()].at(-1)?.running).toBeNull();
  expect(region.failures).toEqual([]);
});

test('a storm comes in as a batch', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  region.world.wire.log.length = 0;
  region.capacity(41);
  await region.until('all are in service', () => region.inService().length === 41);
  const count = (operation: string) =>
    region.world.wire.log.filter((entry) => entry.operation === operation).length;
  expect(count('SendCommand')).toBeLessThan(20);
  expect(region.failures).toEqual([]);
});

test('throttled calls are tried again inside the budget', async () => {
  let left = 40;
  region = await virtualRegion({ capacity: 1 });
  region.world.wire.fault = ({ identity, operation }) =>
    identity.includes('shoal-') && operation !== 'Invoke' && left-- > 0 && left % 2 === 0
      ? throttle
      : undefined;
  await region.settled();
  expect(region.failures).toEqual([]);
});

test('parameters that cannot be read are never taken for none', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  const before = region.status();
  region.world.wire.fault = ({ operation, identity }) =>
    operation === 'GetParametersByPath' && identity.includes('shoal-') ? throttle : undefined;
  region.capacity(2);
  await region.until('a function has failed loudly', () => region.failures.length > 0);
  expect(region.failures.join()).toMatch(/reading parameters below \/shoal\/demo\/: ThrottlingException/);
  region.world.wire.fault = undefined;
  expect(region.status()).toEqual(before);
  await region.settled(2);
});

test('a launch gets live while the parameters are broken', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  const live = region.status()?.live?.sha256;
  region.put('allowed-cidrs', '172.31.0.0/33');
  region.capacity(2);
  await region.until('the second instance', () => region.inService().length === 2);
  expect([...region.hosts.machines.values()].map(({ running }) => running)).toEqual([live, live]);
  const report = await region.invoke({ fleet: 'demo', mode: 'status' });
  expect(report).toMatchObject({ well: false, mistakes: [{ parameter: 'allowed-cidrs', version: 2 }] });
});

test('abandons a machine that cannot take what others run, and replaces it', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  region.capacity(2);
  await region.until('a second machine', () => region.hosts.machines.size === 2);
  const bad = [...region.hosts.machines.keys()].at(-1) as string;
  region.hosts.behave(bad, 'rejects');
  await region.until('it is replaced', () => region.inService().length === 2);
  expect(acts('admit', bad).at(-1)).toBe('complete ABANDON');
  expect(region.inService().map(({ id }) => id)).not.toContain(bad);
});

test('holds a launch that no other machine could cure', async () => {
  region = await virtualRegion({ capacity: 1, cidrs: '172.31.0.0/33' });
  await region.until('it is held', () =>
    region.logs.some(({ reason }) => String(reason).startsWith('held: nothing to run yet')),
  );
  const [machine] = [...region.hosts.machines.keys()];
  await region.until('time has passed', () => Date.now() > Date.parse('2026-11-24T09:05:00Z'));
  expect([...region.hosts.machines.keys()]).toEqual([machine]);
  region.put('allowed-cidrs', '172.31.0.0/24');
  await region.settled();
});

test('a launch event that comes again during the drain ends nothing', async () => {
  const launches: BusEvent[] = [];
  region = await virtualRegion({ deliver: (event) => (isLaunch(event) ? launches.push(event) && 1 : 1) });
  await region.settled();
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  const since = Date.now();
  region.capacity(1);
  await region.until('one is leaving', () =>
    region.instances().some(({ lifecycle }) => lifecycle === 'Terminating:Wait'),
  );
  for (const { source, detail, 'detail-type': type } of [...launches])
    region.world.publish({ source, detail, 'detail-type': type });
  await region.until('one is gone', () => region.hosts.machines.size === 1);
  expect(Date.now() - since).toBeGreaterThanOrEqual(20_000);
  expect(region.logs.some(({ reason }) => String(reason).includes('its launch is over'))).toBe(true);
});

test('a registration that is refused is not asked for again and again', async () => {
  region = await virtualRegion({ capacity: 1 });
  await region.settled();
  region.world.wire.log.length = 0;
  region.world.wire.fault = ({ operation }) => (operation === 'RegisterTargets' ? region.refused : undefined);
  region.capacity(2);
  await region.until('a while', () => Date.now() % 30_000 < 100);
  const tries = region.world.wire.log.filter(({ operation }) => operation === 'RegisterTargets').length;
  expect(tries).toBeGreaterThan(1);
  expect(tries).toBeLessThan(400);
  region.world.wire.fault = undefined;
  await region.settled(2);
});
