import { expect, test } from 'vitest';
import type { Group } from '../../shared/aws/groups.ts';
import type { Engine } from '../../shared/control/engine.ts';
import { observer } from '../../shared/control/observe.ts';
import { arn, fleetScope, good, now, runs, world } from '../decisions/worlds.ts';

test('what a host said before it comes in again is no proof any more', async () => {
  let lifecycle = 'InService';
  const group = () => ({
    ...{ name: 'demo', tags: {}, attached: [], suspended: [], propagated: [] },
    instances: [{ id: 'i-1', zone: 'a', lifecycle }],
  });
  const none = async () => [];
  const engine = {
    aws: {
      groups: { ofFleet: async () => [group()], hooks: none, activityStarts: async () => new Map() },
      parameters: { below: none, named: none },
      commands: { agents: async () => new Map() },
    },
    clock: { now: () => now },
    prefix: 'shoal',
    timing: world([]).timing,
  } as unknown as Engine;
  const where = { fleet: 'demo', scope: fleetScope, group: null, startedAt: null, deletedAt: null };
  const eye = observer(engine, where);
  const known = async (state: string) => {
    lifecycle = state;
    return (await eye.observe(['groups'])).instances[0]?.host.kind;
  };
  await known('InService');
  eye.memory.hosts.set('i-1', runs(good));
  for (const state of ['InService', 'ReplacingRootVolume:Wait', 'ReplacingRootVolume:Proceed'])
    expect(await known(state)).toBe('reported');
  expect(await known('Pending:Wait')).toBe('unknown');
  eye.memory.hosts.set('i-1', runs(good));
  for (const state of ['Pending:Wait', 'InService']) expect(await known(state)).toBe('reported');
});

test("an event's run counts who is healthy in groups that it doesn't read", async () => {
  const instances = [{ id: 'i-1', zone: 'a', lifecycle: 'Terminating:Wait' }];
  const group: Group = {
    ...{ name: 'demo', arn: 'arn', tags: {}, instances, attached: [], suspended: [], propagated: [] },
  };
  const values = { 'target-group-arn': arn, 'allowed-cidrs': '172.31.0.0/24' };
  const settings = Object.entries(values).map(([name, value]) => ({
    name,
    value,
    version: 1,
    modifiedAt: 0,
  }));
  const healthOf = (instance: string, state = 'healthy') => ({ instance, state, reason: '', port: 3128 });
  const engine = {
    aws: {
      groups: { hooks: async () => [] },
      parameters: {
        below: async (path: string) => (path === '/shoal/demo/' ? settings : []),
        named: async () => [],
      },
      commands: { agents: async () => new Map() },
      targets: {
        group: async () => null,
        health: async () => [healthOf('i-1'), healthOf('i-2'), healthOf('i-3', 'unhealthy')],
      },
    },
    clock: { now: () => now },
    prefix: 'shoal',
    timing: world([]).timing,
  } as unknown as Engine;
  const scope = { kind: 'instance', instance: 'i-1', transition: 'terminate' } as const;
  const eye = observer(engine, { fleet: 'demo', scope, group, startedAt: now, deletedAt: null });
  expect(await eye.observe([])).toMatchObject({ strays: [], healthyElsewhere: 1 });
});
