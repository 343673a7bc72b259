import { afterEach, expect, test, vi } from 'vitest';
import { type Virtual, type VirtualOptions, virtualRegion } from './virtual-region.ts';

/** Going out: who may hold a leaving instance, for how long, and what is never cut. */

let region: Virtual;
afterEach(() => region.close());

const second = 1000;

async function settledFleet(capacity: number, options: VirtualOptions = {}) {
  region = await virtualRegion({ capacity, ...options });
  await region.settled();
  region.logs.length = 0;
}

const leaving = () => region.instances().filter(({ lifecycle }) => lifecycle === 'Terminating:Wait');

/** One instance less; the one that leaves. */
async function scaleIn(): Promise<string> {
  region.capacity(region.inService().length - 1);
  await region.until('one is leaving', () => leaving().length === 1);
  return leaving()[0]?.id as string;
}

const gone = (id: string) => () => !region.hosts.machines.has(id);
const state = (id: string) => region.targets().find((target) => target.id === id)?.state;
const logged = (id: string, step: string) =>
  region.logs.filter((line) => line.instance === id && line.step === step);
const completed = (id: string) =>
  logged(id, 'complete').map(({ result, reason }) => `${result}: ${String(reason)}`);
const machine = (id: string) => region.hosts.machines.get(id);
const calls = (operation: string) =>
  region.world.wire.log.filter((entry) => entry.operation === operation && entry.error === undefined);

function loseAgent(id: string) {
  const instance = region.world.instances.get(id);
  if (instance !== undefined) instance.agentOnlineAt = Number.POSITIVE_INFINITY;
}

test('with nobody connected it serves through the balancer lag, and no longer', async () => {
  await settledFleet(2, { pace: 'real' });
  const since = Date.now();
  const id = await scaleIn();
  await region.until('it is deregistered', () => state(id) === 'draining');
  await region.until('it is gone', gone(id));
  // The delay of this target group is 20 s, the balancer's own lag 120 s.
  expect(Date.now() - since).toBeGreaterThanOrEqual(120 * second);
  expect(Date.now() - since).toBeLessThan(180 * second);
  expect(completed(id)).toEqual([expect.stringMatching(/^CONTINUE: /)]);
  expect(region.failures).toEqual([]);
});

test('an old event ends no drain of a host that cannot be asked', async () => {
  const old = '2026-11-24T06:00:00Z';
  const deliver: VirtualOptions['deliver'] = (event) => {
    if (event['detail-type'] === 'EC2 Instance-terminate Lifecycle Action') event.time = old;
    return 1;
  };
  await settledFleet(2, { pace: 'real', deliver });
  for (const { id } of region.inService()) loseAgent(id);
  const since = Date.now();
  const id = await scaleIn();
  await region.until('it is gone', gone(id));
  expect(Date.now() - since).toBeGreaterThanOrEqual(115 * second);
});

test('a client that never ends is not waited for longer than delay and lag', async () => {
  await settledFleet(2, { pace: 'real' });
  const id = await scaleIn();
  Object.assign(machine(id) ?? {}, { connections: 3 });
  const since = Date.now();
  await region.until('it is gone', gone(id));
  expect(Date.now() - since).toBeGreaterThanOrEqual(115 * second);
  expect(Date.now() - since).toBeLessThan(180 * second);
  expect(completed(id)).toEqual(['CONTINUE: the deregistration delay has passed']);
});

test('a dead agent waits the delay out, since its Squid may be serving', async () => {
  await settledFleet(2);
  for (const { id } of region.instances()) loseAgent(id);
  const id = await scaleIn();
  const since = Date.now();
  await region.until('it is gone', gone(id));
  expect(Date.now() - since).toBeGreaterThanOrEqual(19 * second);
  expect(completed(id)).toEqual(['CONTINUE: the deregistration delay has passed']);
});

test('a dead Squid has no clients, and holds nobody up', async () => {
  await settledFleet(2);
  for (const one of region.hosts.machines.values()) Object.assign(one, { serving: false, running: null });
  const id = await scaleIn();
  const since = Date.now();
  await region.until('it is gone', gone(id));
  expect(Date.now() - since).toBeLessThan(15 * second);
  expect(completed(id)).toEqual(['CONTINUE: no client is connected any more']);
});

test.each([
  ['before its hook fires', false],
  ['while it drains', true],
])('a host that is gone %s is let go in time', async (_, draining) => {
  await settledFleet(2);
  const [id] = region.inService().map((one) => one.id) as [string];
  for (const one of region.hosts.machines.values()) one.connections = 1;
  if (draining) {
    region.world.autoscaling.service.operations.TerminateInstanceInAutoScalingGroup?.(
      { InstanceId: id, ShouldDecrementDesiredCapacity: false },
      { identity: 'administrator', accessKeyId: 'x', requestId: 'x' },
    );
    await region.until('it drains', () => state(id) === 'draining');
  }
  await region.world.instances.terminate(id);
  const since = Date.now();
  await region.until('it has left the group', () => region.instances().every((it) => it.id !== id));
  expect(Date.now() - since).toBeLessThan(30 * second);
  expect(completed(id)).toHaveLength(1);
  await region.until('another one has come', () => region.inService().length === 2);
  expect(region.failures).toEqual([]);
});

test('a target that is gone already is not deregistered, and its clients are waited for', async () => {
  await settledFleet(2);
  for (const { id } of region.instances()) await deregister(id);
  for (const one of region.hosts.machines.values()) one.connections = 1;
  const id = await scaleIn();
  await region.until('its clients are counted', () =>
    region.logs.some(({ instance, reason }) => instance === id && String(reason).includes('1 client ')),
  );
  expect(logged(id, 'deregister')).toEqual([]);
  Object.assign(machine(id) ?? {}, { connections: 0 });
  await region.until('it is gone', gone(id));
  expect(completed(id)).toEqual(['CONTINUE: no client is connected any more']);
});

async function deregister(id: string) {
  region.world.targets.service.operations.DeregisterTargets?.(
    { TargetGroupArn: region.targetGroup, Targets: [{ Id: id }] },
    { identity: 'administrator', accessKeyId: 'x', requestId: 'x' },
  );
}

test('a machine that never served leaves as quietly, even with parameters that are broken', async () => {
  region = await virtualRegion({ capacity: 1, cidrs: '172.31.0.0/33' });
  await region.until('it is held', () =>
    region.logs.some(({ reason }) => String(reason).startsWith('held: nothing to run yet')),
  );
  const [id] = region.instances().map((one) => one.id) as [string];
  region.capacity(0);
  await region.until('it is gone', gone(id));
  expect(calls('DeregisterTargets')).toEqual([]);
  expect(completed(id)).toEqual([expect.stringMatching(/^CONTINUE: /)]);
  expect(region.failures).toEqual([]);
});

test('what somebody registers again during the drain is deregistered again', async () => {
  await settledFleet(2);
  for (const one of region.hosts.machines.values()) one.connections = 1;
  const id = await scaleIn();
  await region.until('it drains', () => state(id) === 'draining');
  region.world.targets.service.operations.RegisterTargets?.(
    { TargetGroupArn: region.targetGroup, Targets: [{ Id: id }] },
    { identity: 'administrator', accessKeyId: 'x', requestId: 'x' },
  );
  expect(state(id)).toBe('initial');
  await region.until('it drains again', () => state(id) === 'draining');
  Object.assign(machine(id) ?? {}, { connections: 0 });
  await region.until('it is gone', gone(id));
  expect(region.failures).toEqual([]);
});

test('what the two minutes of a spot notice allow: out of the balancer at once, clients to the end', async () => {
  await settledFleet(2, { pace: 'real' });
  const id = await scaleIn();
  Object.assign(machine(id) ?? {}, { connections: 1 });
  const notice = Date.now();
  await region.until('it is deregistered', () => state(id) === 'draining');
  expect(Date.now() - notice).toBeLessThan(20 * second);
  await vi.advanceTimersByTimeAsync(notice + 119 * second - Date.now());
  expect(completed(id)).toEqual([]);
  await region.world.instances.terminate(id);
  await region.until('it has left the group', () => region.instances().length === 1);
  expect(completed(id)).toEqual(['CONTINUE: the deregistration delay has passed']);
  expect(region.failures).toEqual([]);
});
