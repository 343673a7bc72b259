import { expect, test } from 'vitest';
import type { Engine } from '../../shared/control/engine.ts';
import { observer } from '../../shared/control/observe.ts';
import { fleetScope, good, now, runs, world } from '../decisions/worlds.ts';

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
