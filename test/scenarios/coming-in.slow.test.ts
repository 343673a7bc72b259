import { afterEach, expect, test, vi } from 'vitest';
import type { Behaviour } from '../../region/hosts/simulated.ts';
import { type Virtual, type VirtualOptions, virtualRegion } from './virtual-region.ts';

/** An instance coming in whose agent or host is in trouble, at AWS's own speed. */

let region: Virtual;
afterEach(() => region.close());

const minute = 60_000;

async function settledFleet(capacity: number, options: VirtualOptions = {}) {
  region = await virtualRegion({ capacity, pace: 'real', ...options });
  await region.settled();
}

/** One instance more; its id. */
async function scaleOut(): Promise<string> {
  const before = new Set(region.hosts.machines.keys());
  region.capacity(before.size + 1);
  await region.until('a new machine', () => region.hosts.machines.size > before.size);
  return [...region.hosts.machines.keys()].find((id) => !before.has(id)) as string;
}

const pass = (minutes: number) => vi.advanceTimersByTimeAsync(minutes * minute);

/** As if each launch under way had begun an hour ago: a sweep finds all its budgets spent. */
function spendBudgets() {
  for (const activity of region.world.autoscaling.group('shoal-demo')?.activities ?? [])
    if (activity.endedAt === undefined) activity.startedAt -= 60 * minute;
}

/** The agent is online from then on; with nothing given, never. */
function agentComes(id: string, inMinutes = Number.POSITIVE_INFINITY) {
  const instance = region.world.instances.get(id);
  if (instance !== undefined) instance.agentOnlineAt = Date.now() + inMinutes * minute;
}

const reasons = (id: string) =>
  region.logs.filter(({ instance }) => instance === id).map(({ reason }) => String(reason));
const abandoned = (id: string) =>
  region.logs.find(({ instance, result }) => instance === id && result === 'ABANDON')?.reason;
const admitted = (id: string) => region.inService().some((instance) => instance.id === id);
const logged = (id: string, step: string) => () =>
  region.logs.some((line) => line.instance === id && line.step === step);

test('an agent that is late is waited for', async () => {
  await settledFleet(1);
  const id = await scaleOut();
  agentComes(id, 4);
  await region.until('it is in service', () => admitted(id));
  expect(abandoned(id)).toBeUndefined();
  expect(region.failures).toEqual([]);
});

test('a machine whose agent never comes is replaced, after ten minutes', async () => {
  await settledFleet(1);
  const id = await scaleOut();
  const since = Date.now();
  agentComes(id);
  await region.until('another one is in service', () => region.inService().length === 2);
  expect(admitted(id)).toBe(false);
  expect(abandoned(id)).toBe('its agent did not come online');
  expect(Date.now() - since).toBeGreaterThan(10 * minute);
  expect(region.targets().map((target) => target.id)).not.toContain(id);
});

test.each([
  ['and comes back: the same machine goes on', 6, true],
  ['for good: it is replaced', Number.POSITIVE_INFINITY, false],
])('an agent is lost before it has answered, %s', async (_, minutes, stays) => {
  await settledFleet(1);
  const id = await scaleOut();
  await region.until('the command is on its way', logged(id, 'apply'));
  agentComes(id, minutes);
  await region.until('two are in service', () => region.inService().length === 2, 90 * minute);
  expect(admitted(id)).toBe(stays);
  expect(abandoned(id)).toBe(stays ? undefined : 'its agent did not come online');
});

test('an agent that is lost after the proof holds nothing up', async () => {
  await settledFleet(1);
  const id = await scaleOut();
  await region.until('it is registered', logged(id, 'register'));
  agentComes(id);
  await region.until('it is in service', () => admitted(id), 10 * minute);
});

test('a host that cannot install Squid for a while is held, then admitted', async () => {
  await settledFleet(1);
  const id = await scaleOut();
  region.hosts.behave(id, 'unable');
  await pass(4);
  expect(reasons(id).filter((reason) => reason.startsWith('held: unable in phase'))).not.toEqual([]);
  region.hosts.behave(id, 'works');
  await region.until('it is in service', () => admitted(id));
  expect(region.failures).toEqual([]);
});

test.each<[Behaviour, string]>([
  ['rejects', 'rejected in phase parse: squid -k parse fails'],
  ['dies', 'failed in phase start: Squid died: FATAL'],
])('a machine that %s what others run is abandoned at once', async (behaviour, reason) => {
  await settledFleet(1);
  const since = Date.now();
  const id = await scaleOut();
  region.hosts.behave(id, behaviour);
  await region.until('another one is in service', () => region.inService().length === 2);
  expect(abandoned(id)).toBe(reason);
  expect(Date.now() - since).toBeLessThan(10 * minute);
});

test.each<[Behaviour, string]>([
  ['rejects', 'held: nothing to run yet: rejected on'],
  ['dies', 'held: failed in phase start'],
  ['probe-fails', 'held: failed in phase proof'],
])('a first configuration that %s everywhere is held and replaces nobody', async (behaviour, held) => {
  region = await virtualRegion({ capacity: 2, pace: 'real' });
  region.hosts.behave('*', behaviour);
  await pass(3);
  spendBudgets();
  await pass(6);
  const machines = [...region.hosts.machines.keys()];
  expect(machines).toHaveLength(2);
  for (const id of machines) {
    expect(reasons(id).some((reason) => reason.startsWith(held))).toBe(true);
    expect(abandoned(id)).toBeUndefined();
  }
  region.hosts.behave('*', 'works');
  // What was rejected is tried again when the parameters change.
  region.put('allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
  await region.settled();
  expect(region.inService().map(({ id }) => id)).toEqual(machines);
});

/**
 * The probe URL doesn't answer where `isDown` says so. As on a real host, a check doesn't pass then, and neither
 * does a file that was never proven there, however often it is applied.
 */
function breakProbe(isDown: (id: string) => boolean) {
  const { launch } = region.hosts;
  const proven = new Set<string>();
  region.hosts.launch = async (instance) => {
    const { instanceId: id } = instance;
    const host = await launch(instance);
    return {
      ...host,
      run: async (command) => {
        const result = await host.run(command);
        const check = command.parameters.mode === 'check';
        if (!isDown(id)) proven.add(id);
        if (!isDown(id) || (proven.has(id) && !check)) return result;
        const reason = 'the probe URL does not answer';
        const outcome = { outcome: check ? 'unproven' : 'failed', phase: 'proof', probe: 'failed', reason };
        return { ...result, stdout: JSON.stringify({ ...JSON.parse(result.stdout), ...outcome }) };
      },
    };
  };
}

test('a probe that is down for every host replaces nobody, however long', async () => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  let down = false;
  breakProbe(() => down);
  await region.settled();
  const id = await scaleOut();
  down = true;
  await pass(3);
  spendBudgets();
  await pass(12);
  expect(abandoned(id)).toBeUndefined();
  expect(reasons(id).some((reason) => reason.startsWith('held: failed in phase proof'))).toBe(true);
  expect(region.targets()).toHaveLength(1);
  down = false;
  await region.until('it is in service', () => admitted(id));
});

test('a probe that is down on one host alone costs it its place when its time is spent', async () => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  let bad = '';
  breakProbe((id) => id === bad);
  await region.settled();
  const id = await scaleOut();
  bad = id;
  await pass(7);
  expect(abandoned(id)).toBeUndefined();
  spendBudgets();
  await region.until('another one is in service', () => region.inService().length === 2);
  expect(abandoned(id)).toMatch('failed in phase proof: the probe URL does not answer');
});
