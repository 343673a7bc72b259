import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** EC2 takes a spot instance back, or says that it may; at AWS's own speed. */

let region: Virtual;
afterEach(() => region.close());

const second = 1000;
const sample = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../events/${name}.json`, import.meta.url), 'utf8'));

/** Asked for again a moment ago, hosts are not asked, and no launch is young. */
async function settled(capacity: number): Promise<string> {
  region = await virtualRegion({ capacity, pace: 'real' });
  await region.settled();
  await region.until('all are healthy', () => healthy().length === capacity);
  await vi.advanceTimersByTimeAsync(180 * second);
  region.logs.length = 0;
  region.world.wire.log.length = 0;
  return region.inService()[0]?.id as string;
}

/** An event of events/, as it would come for this instance. */
function send(name: 'spot-interruption' | 'rebalance-recommendation', id: string, old = 0) {
  const { source, 'detail-type': type, detail } = sample(name);
  const time = new Date(Date.now() - old).toISOString();
  const more = { time: `${time.slice(0, 19)}Z`, detail: { ...detail, 'instance-id': id } };
  region.world.publish({ source, 'detail-type': type, ...more });
}

const healthy = () => region.targets().filter(({ state }) => state === 'healthy');
const state = (id: string) => region.targets().find((target) => target.id === id)?.state;
const calls = (operation: string) => region.world.wire.log.filter((it) => it.operation === operation);
const logged = (step: string) => region.logs.filter((line) => line.step === step);
const ignored = () =>
  region.logs.filter(({ message }) => message === 'event ignored').map(({ reason }) => reason);

test('one that EC2 takes back leaves the balancer at once, and its clients go on to the end', async () => {
  const id = await settled(2);
  for (const one of region.hosts.machines.values()) one.connections = 1;
  const warned = Date.now();
  send('spot-interruption', id);
  await region.until('it is out', () => state(id) === 'draining');
  expect(Date.now() - warned).toBeLessThan(5 * second);
  expect(logged('deregister')).toMatchObject([{ instance: id, reason: 'EC2 takes it back in two minutes' }]);
  await vi.advanceTimersByTimeAsync(15 * second);
  expect(region.instances().find((it) => it.id === id)?.lifecycle).toBe('InService');
  expect([calls('RegisterTargets'), calls('SendCommand')]).toEqual([[], []]);
  await region.world.instances.terminate(id);
  await region.until('it has left through its hook', () => region.instances().every((it) => it.id !== id));
  expect(logged('complete').filter((it) => it.instance === id)).toMatchObject([{ result: 'CONTINUE' }]);
  await region.until('another one has come', () => region.inService().length === 2);
  expect(region.failures).toEqual([]);
});

test('one that EC2 spares after all is registered again, proven, when it has drained', async () => {
  const id = await settled(2);
  send('spot-interruption', id);
  await region.until('it drains', () => state(id) === 'draining');
  await region.until('it is out', () => state(id) === undefined);
  expect(calls('RegisterTargets')).toEqual([]);
  await region.until('it is back', () => state(id) === 'healthy');
  const [registered] = calls('RegisterTargets');
  expect(calls('SendCommand').filter(({ at }) => at <= (registered?.at ?? 0))).not.toEqual([]);
  expect(region.failures).toEqual([]);
});

test('one that is warned of while it comes in is replaced at once', async () => {
  const serving = await settled(1);
  region.capacity(2);
  const coming = () => region.instances().find((it) => it.id !== serving)?.id;
  await region.until('it comes in', coming);
  const id = coming() ?? '';
  send('spot-interruption', id);
  await region.until('it is given up', () => logged('complete').length > 0);
  expect(logged('complete')).toMatchObject([{ instance: id, result: 'ABANDON', cause: 'spot' }]);
  await region.until('another one is in service', () => region.inService().length === 2);
  expect(region.inService().map((it) => it.id)).not.toContain(id);
  expect(region.failures).toEqual([]);
});

test('the last healthy one serves to the end', async () => {
  const id = await settled(1);
  send('spot-interruption', id);
  await region.until('it is seen', () => logged('spot').length > 0);
  await vi.advanceTimersByTimeAsync(30 * second);
  expect(state(id)).toBe('healthy');
  expect(calls('DeregisterTargets')).toEqual([]);
  expect(region.logs.map(({ reason }) => reason)).toContain(
    'EC2 takes it back in two minutes, but no healthy target would be left: it serves to the end',
  );
});

test("others' instances are ignored in one line and a call or two", async () => {
  await settled(1);
  region.world.autoscaling.createGroup({
    ...{ name: 'other', minSize: 0, maxSize: 1, desiredCapacity: 1, tags: [], hooks: [] },
  });
  const member = () => region.world.autoscaling.group('other')?.members[0]?.instanceId;
  await region.until('it is there', member);
  region.world.wire.log.length = 0;
  const ids = ['i-0123456789abcdef0', member() ?? ''];
  for (const id of ids) send('spot-interruption', id);
  await region.until('they are seen', () => ignored().length === 2);
  expect(new Set(ignored())).toEqual(new Set(ids.map((id) => `${id} is in no group of a fleet`)));
  const called = region.world.wire.log.map(({ operation }) => operation);
  expect(called.toSorted()).toEqual([
    'DescribeAutoScalingGroups',
    'DescribeAutoScalingInstances',
    'DescribeAutoScalingInstances',
  ]);
});
test('a warning whose two minutes are over changes nothing', async () => {
  const id = await settled(2);
  send('spot-interruption', id, 125 * second);
  await region.until('it is seen', () => ignored().length > 0);
  expect(ignored()).toEqual([`the two minutes of ${id} are over`]);
  expect(state(id)).toBe('healthy');
});

test('a recommendation has the fleet looked at, and changes nothing', async () => {
  const id = await settled(2);
  send('rebalance-recommendation', id);
  await region.until('it is seen', () => logged('fleet').length > 0);
  await vi.advanceTimersByTimeAsync(second);
  expect(logged('spot')).toMatchObject([
    { instance: id, fleet: 'demo', reason: 'EC2 may take it back soon' },
  ]);
  expect(logged('fleet')[0]).toMatchObject({ reason: 'all on live' });
  expect(calls('DeregisterTargets')).toEqual([]);
  expect(state(id)).toBe('healthy');
});

test('without a warning it leaves when Auto Scaling finds it gone', async () => {
  const id = await settled(2);
  await region.world.instances.terminate(id);
  await region.until('it has left', () => region.instances().every((it) => it.id !== id));
  expect(logged('complete').filter((it) => it.instance === id)).toMatchObject([{ result: 'CONTINUE' }]);
  await region.until('another one has come', () => region.inService().length === 2);
  expect(region.failures).toEqual([]);
});
