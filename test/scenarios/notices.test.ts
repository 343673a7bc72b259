import { afterEach, expect, test, vi } from 'vitest';
import { type Virtual, type VirtualOptions, virtualRegion } from './virtual-region.ts';

/** What others hear of a fleet on the bus. */

let region: Virtual;
afterEach(() => region.close());

interface Heard {
  type: string;
  at: number;
  detail: Record<string, string>;
}
let heard: Heard[];

async function begin(options: VirtualOptions = {}) {
  region = await virtualRegion(options);
  heard = [];
  region.world.onEvent(({ source, 'detail-type': type, detail }) => {
    if (source === 'shoal') heard.push({ type, at: Date.now(), detail: detail as Record<string, string> });
  });
}

const wide = '172.31.0.0/24,172.31.9.0/24';
const course = () => heard.map(({ detail }) => detail.transition);
const ofType = (type: string) => heard.filter((it) => it.type === type);

test('a fleet tells of each rollout, rejection and way back, once', async () => {
  await begin({ capacity: 3 });
  await region.settled();
  expect(course()).toEqual(['rollout-started', 'live']);
  const { live } = region.status() ?? {};
  region.hosts.behave('*', 'dies');
  region.put('allowed-cidrs', wide);
  await region.until('all are back', () => region.status()?.rejected && !region.status()?.rollout);
  await region.until('it is heard', () => heard.length === 5);
  expect(course().slice(2)).toEqual(['rollout-started', 'rejected', 'reversed']);
  const { rejected } = region.status() ?? {};
  expect(heard[3]?.detail).toEqual({
    fleet: 'demo',
    transition: 'rejected',
    reason: 'Squid died: FATAL',
    sha256: rejected?.sha256,
    instance: rejected?.instance,
    text: `demo: ${rejected?.sha256.slice(0, 12)} rejected, hosts go back: ${rejected?.instance}: Squid died: FATAL`,
    next: 'npm run shoal -- status demo',
  });
  expect(heard[4]?.detail.sha256).toBe(live?.sha256);
  expect(region.failures).toEqual([]);
});

test('a launch that is given up is told with its cause', async () => {
  await begin({ capacity: 1 });
  await region.settled();
  region.capacity(2);
  await region.until('a new machine', () => region.hosts.machines.size === 2);
  const id = [...region.hosts.machines.keys()].at(-1) as string;
  region.hosts.behave(id, 'rejects');
  await region.until('another one is in service', () => region.inService().length === 2);
  expect(ofType('Shoal Launch Abandoned').map(({ detail }) => detail)).toMatchObject([
    { fleet: 'demo', instance: id, cause: 'file', reason: 'rejected in phase parse: squid -k parse fails' },
  ]);
});

test('a launch that is held is told after a minute, then ever more rarely', async () => {
  await begin({ capacity: 1, cidrs: '172.31.0.0/33', pace: 'real' });
  const since = Date.now();
  await vi.advanceTimersByTimeAsync(35 * 60_000);
  const [{ id } = { id: '' }] = region.instances();
  const held = ofType('Shoal Launch Held');
  expect(held[0]?.detail).toMatchObject({ fleet: 'demo', instance: id });
  expect(held[0]?.detail.text).toContain(`launch of ${id} is held: nothing to run yet: parameters broken`);
  const minutes = held.map(({ at }) => (at - since) / 60_000);
  expect(minutes[0]).toBeCloseTo(1, 0);
  // It began a moment after hosts were asked: the 1st, 2nd and 4th time since are these.
  expect(minutes.slice(1).map((it) => Math.floor(it / 5))).toEqual([2, 3, 5]);
});

test('a bus that takes nothing holds no work up, and the log says what was not heard', async () => {
  await begin({ capacity: 2 });
  region.world.faults.add({ kind: 'throttle', subject: 'PutEvents' });
  await region.settled();
  expect(heard).toEqual([]);
  expect(region.failures).toEqual([]);
  await region.until('it is in the log', () => lost().length === 2);
  expect(lost()[0]).toMatchObject({
    reason: expect.stringContaining('ThrottlingException'),
    notice: expect.stringMatching(/^demo: [0-9a-f]{12} is rolled out/),
  });
});

const lost = () => region.logs.filter(({ message }) => message === 'a notice could not be sent');
