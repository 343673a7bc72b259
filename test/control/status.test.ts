import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FleetReport } from '../../shared/control/status.ts';
import { type Virtual, virtualRegion } from '../scenarios/virtual-region.ts';

let region: Virtual;
beforeEach(async () => {
  region = await virtualRegion({ capacity: 2 });
  await region.settled();
});
afterEach(() => region.close());

const status = (): Promise<FleetReport> => region.invoke({ fleet: 'demo', mode: 'status' });
const wide = '172.31.0.0/24,172.31.9.0/24';

test('a well fleet is well since its config was proven', async () => {
  const live = region.status()?.live;
  const report = await status();
  expect(report).toMatchObject({
    well: true,
    serving: true,
    says: 'all on live',
    since: live?.since,
    waves: [],
  });
  expect(report.instances).toHaveLength(2);
  for (const { config, age, trouble, next, tunnels } of report.instances) {
    expect(config).toBe(live?.sha256.slice(0, 12));
    expect(age).toBeGreaterThan(0);
    expect(age).toBeLessThan(600);
    expect([trouble, next, tunnels]).toEqual([null, null, null]);
  }
  expect(report.text).toMatch(/^well since 2026-11-24 09:\d\d UTC: 2 of 2 in service on [0-9a-f]{12}\n/);
});

test('one that serves no more is named with what its host says', async () => {
  const [id = '', machine] = [...region.hosts.machines][0] ?? [];
  Object.assign(machine ?? {}, { serving: false, running: null });
  const report = await status();
  expect(report).toMatchObject({ well: false, serving: false, since: null });
  const named = report.instances.filter(({ trouble }) => trouble !== null);
  expect(named).toMatchObject([
    { instance: id, running: null, trouble: expect.stringContaining('no Squid serves') },
  ]);
  expect(report.says).toContain(`${id}: ${named[0]?.trouble}`);
  expect(report.text).toContain(`! ${id}`);
});

test('a rollout shows its waves, and what has moved is no trouble', async () => {
  region.put('allowed-cidrs', wide);
  const moved = () => new Set([...region.hosts.machines.values()].map(({ running }) => running)).size === 2;
  await region.until('the canary has moved', moved);
  const report = await status();
  expect(report).toMatchObject({ well: false, since: null, rejected: null });
  expect(report.waves.map(({ name }) => name)).toEqual(['canary', 'wave 1']);
  expect(report.waves[0]?.state).toBe('done');
  expect(report.instances.map(({ trouble }) => trouble)).toEqual([null, null]);
  expect(report.text).toMatch(/^NOT well yet: rolling out/);
});

test('a rejection leaves the fleet serving, and not well', async () => {
  region.hosts.behave('*', 'dies');
  region.put('allowed-cidrs', wide);
  await region.until('it is undone', () => region.status()?.rejected && !region.status()?.rollout);
  const report = await status();
  expect(report).toMatchObject({ well: false, serving: true, rejected: { reason: 'Squid died: FATAL' } });
  expect(report.text).toContain('npm run shoal -- apply demo');
});

test('a launch that is held for long says why', async () => {
  await region.close();
  region = await virtualRegion({ capacity: 1, cidrs: '172.31.0.0/33', pace: 'real' });
  const start = Date.now();
  await region.until('a heartbeat is due', () => Date.now() - start > 4 * 60_000);
  const report = await status();
  expect(report.instances).toMatchObject([
    { lifecycle: 'Pending:Wait', trouble: null, next: expect.stringMatching(/^held: nothing to run yet: /) },
  ]);
  expect(report.text).toContain('\n    held: nothing to run yet: parameters broken: allowed-cidrs: ');
});
