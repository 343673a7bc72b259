import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Instance, Observed } from '../../shared/decisions/model.ts';
import { concerns } from '../../shared/decisions/terminating.ts';
import { good, instance, runs, world } from './worlds.ts';

const target = (state: string) => ({ state, reason: '', port: 3128 });
const strange = (state: string, looks: number, change: Partial<Observed> = {}) =>
  decide(world([instance('i-1')], { strays: [{ id: 'i-9', target: target(state), looks }], ...change })).find(
    (step) => step.instance === 'i-9',
  );

test('looks twice at a target that no group knows before it goes', () => {
  expect(strange('healthy', 1)).toMatchObject({ step: 'wait', on: 'state' });
  expect(strange('healthy', 2)).toMatchObject({ step: 'deregister' });
});

test('never takes the last healthy target out', () => {
  const instances = [instance('i-1', { target: target('unhealthy') })];
  expect(strange('healthy', 2, { instances })).toMatchObject({ step: 'nothing' });
  expect(strange('unhealthy', 2, { instances })).toMatchObject({ step: 'deregister' });
});

test('leaves the targets of a group that is not the fleet’s alone', () => {
  const targetGroup = { arn: 'arn', deregistrationDelayMs: 0, problems: ['it is not tagged'], unused: false };
  expect(strange('healthy', 2, { targetGroup })).toMatchObject({ step: 'nothing' });
  expect(strange('draining', 2)).toMatchObject({ step: 'nothing' });
});

test('takes a machine in standby out of the target group, not the last healthy one', () => {
  const away = instance('i-1', { lifecycle: 'Standby' });
  expect(decide(world([away, instance('i-2')]))[0]).toMatchObject({ step: 'deregister', instance: 'i-1' });
  expect(decide(world([away]))[0]).toMatchObject({ step: 'nothing' });
});

test('what leaves or stands by itself is nobody to leave the clients to', () => {
  const away = ['i-1', 'i-2'].map((id) => instance(id, { lifecycle: 'Standby' }));
  expect(decide(world(away)).map(({ step }) => step)).toEqual(['nothing', 'nothing']);
  const instances = [instance('i-1', { lifecycle: 'Terminating:Proceed' })];
  expect(strange('healthy', 2, { instances })).toMatchObject({ step: 'nothing' });
});

test('a machine that went back to the warm pool undrained is taken out', () => {
  const pooled = instance('i-1', { lifecycle: 'Warmed:Running' });
  expect(decide(world([pooled, instance('i-2')]))[0]).toMatchObject({ step: 'deregister', instance: 'i-1' });
  expect(decide(world([{ ...pooled, target: null }]))[0]).toMatchObject({ step: 'nothing' });
});

test('a machine whose root volume is replaced is drained, stays out, and is proven anew', () => {
  const others = [instance('i-2', { host: runs(good) })];
  const first = (lifecycle: string, change: Partial<Instance> = {}) =>
    decide(world([instance('i-1', { lifecycle, ...change }), ...others]))[0];
  const hook = { name: 'shoal-terminate', heartbeatMs: 300_000 };
  expect(first('ReplacingRootVolume:Wait', { hook })).toMatchObject({ step: 'deregister' });
  expect(first('ReplacingRootVolume')).toMatchObject({ step: 'deregister' });
  expect(first('ReplacingRootVolume:Proceed')).toMatchObject({ step: 'deregister' });
  expect(first('RootVolumeReplaced', { target: null })).toMatchObject({ step: 'nothing' });
  expect(first('InService', { target: null })).toMatchObject({ step: 'ask', mode: 'check' });
});

test('the event of a root volume’s replacement is that of a drain', () => {
  expect(concerns('terminate', 'ReplacingRootVolume:Wait')).toBe(true);
  expect(concerns('launch', 'ReplacingRootVolume:Wait')).toBe(false);
  expect(concerns('launch', 'RootVolumeReplaced')).toBe(true);
});

test('a machine whose disk goes is nobody to leave the clients to', () => {
  const instances = [instance('i-1', { lifecycle: 'ReplacingRootVolume:Proceed' })];
  expect(strange('healthy', 2, { instances })).toMatchObject({ step: 'nothing' });
});
