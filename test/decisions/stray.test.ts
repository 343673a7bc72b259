import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Observed } from '../../shared/decisions/model.ts';
import { instance, world } from './worlds.ts';

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
