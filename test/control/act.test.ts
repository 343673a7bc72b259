import { expect, test } from 'vitest';
import { act, giveBack } from '../../shared/control/act.ts';
import type { Engine } from '../../shared/control/engine.ts';
import type { Observer } from '../../shared/control/observe.ts';
import { comingIn, world } from '../decisions/worlds.ts';

test('a machine is given up though its last word does not get through', async () => {
  const completed: string[] = [];
  const slept: number[] = [];
  const engine = {
    aws: {
      commands: { send: () => new Promise(() => {}) },
      groups: { complete: async (_: string, hook: string) => completed.push(hook) > 0 },
    },
    clock: { now: () => 0, sleep: async (ms: number) => void slept.push(ms) },
    timing: world([]).timing,
  } as unknown as Engine;
  const observed = world([comingIn('i-1')]);
  await act(engine, {} as Observer, observed, [
    {
      ...{ step: 'complete', instance: 'i-1', group: 'demo', hook: 'shoal-launch', result: 'ABANDON' },
      ...{ cause: 'target', reason: 'its target stays unhealthy' },
    },
  ]);
  expect(completed).toEqual(['shoal-launch']);
  expect(slept).toEqual([observed.timing.pollMs]);
});

test.each([
  ['its own', 'this run', true],
  ["one that another run has taken meanwhile: that stays another's", 'another run', false],
])('a run that ends gives its lease back: %s', async (_, found, isGivenBack) => {
  const written: unknown[] = [];
  const state = {
    status: async () => ({ lease: { holder: found } }),
    lease: async (lease: unknown) => void written.push(lease),
  };
  const observer = { holder: 'this run', memory: { leasedUntil: 2 }, state } as unknown as Observer;
  await giveBack({ clock: { now: () => 1 } } as unknown as Engine, observer);
  expect(written).toEqual(isGivenBack ? [null] : []);
});
