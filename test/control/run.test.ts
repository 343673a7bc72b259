import { expect, test } from 'vitest';
import type { Engine } from '../../shared/control/engine.ts';
import { run } from '../../shared/control/run.ts';
import type { Metric } from '../../shared/decisions/metrics.ts';
import { arn, fleetScope, now, onLive, world } from '../decisions/worlds.ts';

test('a stored configuration that cannot be read is read once, however long that takes', async () => {
  let time = now;
  const later = <T>(ms: number, answer: T): Promise<T> => {
    time += ms;
    if (time > now + 3_600_000) throw new Error('it goes on without an end');
    return Promise.resolve(answer);
  };
  const parameter = (name: string, value: string) => ({ name, value, version: 1, modifiedAt: now - 60_000 });
  const instances = [{ id: 'i-1', zone: 'a', lifecycle: 'InService' }];
  const group = { name: 'demo', tags: {}, instances, attached: [], suspended: [], propagated: [] };
  const settings = [
    parameter('target-group-arn', arn),
    parameter('allowed-cidrs', '172.31.0.0/24,10.0.0.0/8'),
  ];
  const reads: string[] = [];
  const written: string[] = [];
  const engine = {
    aws: {
      groups: { ofFleet: () => later(0, [group]) },
      parameters: {
        below: (path: string) => {
          if (!path.includes('/config/')) return later(0, settings);
          reads.push(path);
          return later(1_000, []);
        },
        named: (paths: string[]) =>
          later(
            0,
            paths
              .filter((path) => path === '/shoal-state/demo/status')
              .map((path) => parameter(path, JSON.stringify(onLive))),
          ),
        delete: () => later(0, undefined),
        put: (path: string) => {
          written.push(path);
          return later(0, 2);
        },
        get: () => later(0, parameter('status', JSON.stringify(onLive))),
      },
      targets: { group: () => later(0, null), health: () => later(0, []) },
      commands: { agents: () => later(0, new Map()) },
    },
    clock: { now: () => time, sleep: (ms: number) => later(ms, undefined) },
    log: () => {},
    measure: () => {},
    prefix: 'shoal',
    timing: world([]).timing,
  } as unknown as Engine;
  const scope = { ...fleetScope, request: { mode: 'apply', force: false, at: now } } as const;
  const where = { fleet: 'demo', scope, group: null, startedAt: null, deletedAt: null };
  await run(engine, where, now + 10_000).catch(() => {});
  const live = `/shoal-state/demo/config/${onLive.live?.sha256}/`;
  expect(reads.filter((path) => path === live)).toEqual([live]);
  expect(written).toContain('/shoal-state/demo/status');
  // Whoever sees the rollout sees whose it is, too.
  expect(written[0]).toBe('/shoal-state/demo/run');
});

test('what was done beside an action that fails is counted', async () => {
  const ids = ['i-1', 'i-2'];
  const group = {
    ...{ name: 'demo', tags: {}, attached: [], suspended: [], propagated: [] },
    instances: ids.map((id) => ({ id, zone: 'a', lifecycle: 'Terminating:Wait' })),
  };
  const none = async () => [];
  const metrics: Metric[] = [];
  const engine = {
    aws: {
      groups: {
        ofFleet: async () => [group],
        hooks: async () => [{ name: 'shoal-terminate', transition: '', heartbeatMs: 3_600_000 }],
        activityStarts: async () => new Map(ids.map((id) => [id, now - 600_000])),
        complete: async (_: string, __: string, id: string) => {
          if (id === 'i-2') throw new Error('completing i-2: AccessDenied');
          return true;
        },
      },
      parameters: { below: none, named: none },
      commands: { agents: async () => new Map() },
    },
    clock: { now: () => now, sleep: async () => {} },
    log: () => {},
    measure: (some: Metric[]) => void metrics.push(...some),
    prefix: 'shoal',
    timing: world([]).timing,
  } as unknown as Engine;
  const where = { fleet: 'demo', scope: fleetScope, group: null, startedAt: null, deletedAt: null };
  await expect(run(engine, where, now + 10_000)).rejects.toThrow('completing i-2: AccessDenied');
  expect(metrics.filter(({ name }) => name === 'Drains')).toHaveLength(1);
});
