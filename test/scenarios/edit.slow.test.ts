import { afterEach, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(() => region.close());

const wide = '172.31.0.0/24,172.31.9.0/24';
const running = () => [...region.hosts.machines.values()].map((machine) => machine.running);
const liveHash = () => region.status()?.live?.sha256 ?? '';
const epoch = (intent: string | null) => intent?.split('.').map(Number) ?? [];

async function edit(value: string) {
  const before = liveHash();
  region.put('allowed-cidrs', value);
  await region.until(
    'the edit is live',
    () => liveHash() !== before && region.status()?.rollout === undefined,
  );
}

test('an edit is live on every host, one after another', async () => {
  region = await virtualRegion({ capacity: 3 });
  await region.settled();
  const before = liveHash();
  const mixtures = new Set<number>();
  region.put('allowed-cidrs', wide);
  await region.until('the edit is live', () => {
    mixtures.add(running().filter((hash) => hash !== before).length);
    return liveHash() !== before;
  });
  expect([...mixtures].sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  expect(new Set(running())).toEqual(new Set([liveHash()]));
  expect(region.failures).toEqual([]);
});

test('an edit whose event is lost is found by the sweep', async () => {
  region = await virtualRegion({
    deliver: ({ 'detail-type': type }) => (type === 'Parameter Store Change' ? 0 : 1),
  });
  await region.settled();
  await edit(wide);
  expect(new Set(running())).toEqual(new Set([liveHash()]));
});

test('an edit made in two halves is taken up once', async () => {
  region = await virtualRegion();
  await region.settled();
  const before = liveHash();
  region.put('allowed-cidrs', wide);
  await region.until('a moment passes', () => true);
  region.put('rollout', 'canary=1');
  const at = Date.now();
  await region.until(
    'the edit is live',
    () =>
      liveHash() !== before &&
      region.status()?.rollout === undefined &&
      running().every((it) => it === liveHash()),
  );
  const started = region.logs.filter(
    ({ step, reason }) => step === 'write-status' && String(reason).startsWith('desired is'),
  );
  expect(started).toHaveLength(1);
  // By the newest one's own event: the next sweep would have been later.
  expect(Date.now() - at).toBeLessThan(4_000);
});

test('a canary that fails leaves the others untouched and live in force', async () => {
  region = await virtualRegion({ capacity: 3 });
  await region.settled();
  const before = liveHash();
  region.hosts.behave('*', 'dies');
  region.put('allowed-cidrs', wide);
  await region.until(
    'it is rejected and reversed',
    () => region.status()?.rejected !== undefined && region.status()?.rollout === undefined,
  );
  const touched = region.logs.filter(
    ({ step, sha256 }) => step === 'apply' && sha256 === region.status()?.rejected?.sha256,
  );
  expect(new Set(touched.map(({ instance }) => instance)).size).toBe(1);
  expect(running()).toEqual([before, before, before]);
  expect(liveHash()).toBe(before);
  expect(region.status()?.rejected).toMatchObject({ reason: 'Squid died: FATAL' });
});

test('a rejected config stays rejected until somebody asks for it', async () => {
  region = await virtualRegion();
  await region.settled();
  const before = liveHash();
  region.hosts.behave('*', 'rejects');
  region.put('allowed-cidrs', wide);
  await region.until(
    'it is rejected',
    () => region.status()?.rejected !== undefined && region.status()?.rollout === undefined,
  );
  region.hosts.behave('*', 'works');
  region.logs.length = 0;
  await region.until('ten minutes pass', () => Date.now() % 600_000 < 100 && region.logs.length > 0);
  expect(region.logs.filter(({ step }) => step === 'apply')).toEqual([]);
  expect(liveHash()).toBe(before);
  await region.invoke({ fleet: 'demo', mode: 'apply' });
  expect(liveHash()).not.toBe(before);
  expect(region.status()?.rejected).toBeUndefined();
});

test('mending the parameters ends a rejection', async () => {
  region = await virtualRegion();
  await region.settled();
  region.hosts.behave('*', 'rejects');
  region.put('allowed-cidrs', wide);
  await region.until(
    'it is rejected',
    () => region.status()?.rejected !== undefined && region.status()?.rollout === undefined,
  );
  region.hosts.behave('*', 'works');
  region.put('allowed-cidrs', '172.31.0.0/24');
  await region.until('the rejection is gone', () => region.status()?.rejected === undefined);
  await edit('172.31.0.0/24,172.31.8.0/24');
});

test('no host ever accepts a lower intent', async () => {
  region = await virtualRegion({ capacity: 3 });
  await region.settled();
  const highest = new Map<string, number[]>();
  const watch = () => {
    for (const [id, { intent }] of region.hosts.machines) {
      const now = epoch(intent);
      const last = highest.get(id) ?? [0, 0, 0];
      const lower = now.findIndex((part, at) => part !== last[at]);
      expect(lower === -1 || (now[lower] as number) > (last[lower] as number)).toBe(true);
      highest.set(id, now);
    }
    return false;
  };
  for (const value of [wide, '172.31.0.0/24', '172.31.0.0/24,172.31.7.0/24']) {
    region.put('allowed-cidrs', value);
    await region.until('a while', () => watch() || Date.now() % 15_000 < 100);
  }
  await region.until(
    'it has settled',
    () =>
      watch() || (region.status()?.rollout === undefined && running().every((hash) => hash === liveHash())),
  );
});

test('a launch in the middle of a rollout ends up on the new config', async () => {
  region = await virtualRegion({ capacity: 2 });
  await region.settled();
  region.put('allowed-cidrs', wide);
  await region.until('the rollout is under way', () => region.status()?.rollout !== undefined);
  region.capacity(3);
  await region.settled(3);
  await region.until(
    'all run it',
    () => running().length === 3 && running().every((hash) => hash === liveHash()),
  );
  expect(region.failures).toEqual([]);
});

test('a typo changes nothing and plan says what is wrong', async () => {
  region = await virtualRegion();
  await region.settled();
  const before = region.status();
  region.put('allowed-cidrs', '172.31.0.0/24,172.31.9/24');
  const plan = await region.invoke({ fleet: 'demo', mode: 'plan' });
  expect(plan.mistakes).toMatchObject([{ parameter: 'allowed-cidrs', version: 2 }]);
  expect(plan.says).toContain('parameters broken');
  await region.until('a minute passes', () => Date.now() % 60_000 < 100);
  expect(region.status()).toEqual(before);
});

test('plan shows who would move and what would change, and changes nothing', async () => {
  region = await virtualRegion();
  await region.settled();
  await region.until('live is old', () => Date.now() > Date.parse('2026-11-24T09:02:00Z'));
  region.put('paused', 'yes');
  await region.until('it is read', () =>
    region.logs.some(({ reason }) => String(reason).includes('settling')),
  );
  region.put('allowed-cidrs', wide);
  await region.until('the edit has settled', () =>
    region.logs.some(({ reason }) => reason === 'paused: an edit waits'),
  );
  const paused = await region.invoke({ fleet: 'demo', mode: 'plan' });
  expect(paused.says).toBe('paused: an edit waits');
  expect(paused.diff).toContain('172.31.9.0/24');
  const before = region.status();
  region.put('paused', 'no');
  const plan = await region.invoke({ fleet: 'demo', mode: 'plan' });
  expect(region.status()).toEqual(before);
  expect(plan.instances).toHaveLength(2);
});

test('a network that most clients come from is not removed without force', async () => {
  region = await virtualRegion({ cidrs: '10.0.0.0/8,172.31.0.0/24' });
  await region.settled();
  const before = liveHash();
  region.put('allowed-cidrs', '172.31.0.0/24');
  await region.until('it is refused', () =>
    region.logs.some(({ reason }) => String(reason).startsWith('refused')),
  );
  expect(liveHash()).toBe(before);
  const refused = await region.invoke({ fleet: 'demo', mode: 'apply' });
  expect(JSON.stringify(refused)).toContain('refused');
  await region.invoke({ fleet: 'demo', mode: 'apply', force: true });
  expect(liveHash()).not.toBe(before);
});

test('a malformed call by hand says what it expected', async () => {
  region = await virtualRegion();
  const answer = await region.invoke({ fleet: 'demo', mode: 'aply' });
  expect(JSON.stringify(answer)).toMatch(/"plan\\" \| \\"apply\\"/);
});

test('a config that makes hosts fall silent is rejected, and never live', async () => {
  region = await virtualRegion({ capacity: 3 });
  await region.settled();
  const before = liveHash();
  for (const id of [...region.hosts.machines.keys()].sort().slice(1)) region.hosts.behave(id, 'silent');
  region.put('allowed-cidrs', wide);
  await region.until('it is rejected', () => region.status()?.rejected !== undefined);
  expect(liveHash()).toBe(before);
});

test('an apply by hand of what fails tries once', async () => {
  region = await virtualRegion();
  await region.settled();
  region.hosts.behave('*', 'dies');
  region.put('allowed-cidrs', wide);
  await region.until(
    'it is rejected',
    () => region.status()?.rejected !== undefined && region.status()?.rollout === undefined,
  );
  region.logs.length = 0;
  const answer = await region.invoke({ fleet: 'demo', mode: 'apply' });
  expect(answer.says).toContain('rejected on');
  expect(
    region.logs.filter(({ step, function: name }) => name === 'reconcile' && step === 'write-status').length,
  ).toBeLessThanOrEqual(4);
});

test('an edit that became live during a launch is on it before it serves', async () => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  await region.settled();
  const before = liveHash();
  region.capacity(2);
  await region.until('it is registered', () =>
    region.logs.some(({ step, function: name }) => name === 'admit' && step === 'register'),
  );
  region.put('allowed-cidrs', wide);
  await region.until('the edit is live', () => liveHash() !== before);
  await region.until('both are in service', () => region.inService().length === 2);
  expect(running()).toEqual([liveHash(), liveHash()]);
});
