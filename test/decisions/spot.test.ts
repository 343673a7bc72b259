import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Instance, Observed } from '../../shared/decisions/model.ts';
import { arn, comingIn, edited, goingOut, good, instance, rollingOut, runs, whole, world } from './worlds.ts';

const scope = { ...whole, request: null, interrupted: 'i-1' } as const;
const at = (state: string) => ({ state, reason: '', port: 3128 });
const stepOf = (observed: Observed, id = 'i-1') => decide(observed).find((it) => it.instance === id);
const warned = (instances: Instance[], change: Partial<Observed> = {}) =>
  stepOf(world(instances, { scope, ...change }));

test.each<[string, Instance[]]>([
  ['healthy, as another is', [instance('i-1'), instance('i-2')]],
  ['unhealthy, though nobody is well', [instance('i-1', { target: at('unhealthy') })]],
  ['without its agent', [instance('i-1', { agentOnline: false }), instance('i-2')]],
])('what EC2 takes back is deregistered: %s', (_, instances) => {
  expect(warned(instances)).toMatchObject({ step: 'deregister', instance: 'i-1' });
});

test.each<[string, Instance[]]>([
  ['alone', [instance('i-1')]],
  ['beside one that is unhealthy', [instance('i-1'), instance('i-2', { target: at('unhealthy') })]],
  ['beside one that leaves', [instance('i-1'), instance('i-2', { lifecycle: 'Terminating:Wait' })]],
  ['beside one that is not healthy yet', [instance('i-1'), instance('i-2', { target: at('initial') })]],
])('the last healthy one stays: %s', (_, instances) => {
  const { step, reason } = warned(instances) ?? {};
  expect(step).toBe('nothing');
  expect(reason).toContain('but no healthy target would be left: it serves to the end');
});

test('nothing leaves a target group that does not fit', () => {
  const targetGroup = { arn, deregistrationDelayMs: 300_000, problems: ['is not tagged'], unused: false };
  expect(warned([instance('i-1'), instance('i-2')], { targetGroup })).toMatchObject({
    step: 'nothing',
    reason: 'EC2 takes it back in two minutes, but it is left alone: is not tagged',
  });
});

test('only the one that is warned of leaves', () => {
  const observed = world([instance('i-1'), instance('i-2')], { scope });
  expect(stepOf(observed, 'i-2')).toMatchObject({ step: 'nothing' });
});

test('one that comes in is given up when it is warned of, and another one is launched at once', () => {
  const coming = ['Pending:Wait', 'Warmed:Pending:Wait'].map((lifecycle) => comingIn('i-1', { lifecycle }));
  const young = { ...scope, leaveYoung: true };
  for (const one of coming)
    expect(warned([one, comingIn('i-2')], { scope: young })).toMatchObject({
      ...{ step: 'complete', result: 'ABANDON', cause: 'spot', hook: 'shoal-launch' },
      reason: 'EC2 takes it back in two minutes',
    });
  const early = comingIn('i-1', { lifecycle: 'Pending', hook: null });
  expect(warned([early, instance('i-2')])).toMatchObject({ step: 'wait', on: 'groups' });
  expect(stepOf(world([early]))).toMatchObject({ step: 'nothing' });
  const first = comingIn('i-1', { target: at('healthy'), host: runs(good) });
  expect(warned([first])).toMatchObject({ step: 'complete', result: 'CONTINUE' });
  expect(warned([first, instance('i-2')])).toMatchObject({ step: 'complete', result: 'ABANDON' });
  const leaving = goingOut('i-1', { target: at('draining'), agentOnline: false });
  expect(warned([leaving, instance('i-2')])).toMatchObject({ step: 'wait', reason: 'draining' });
});

test('one in service that drains is neither asked nor registered until that is over', () => {
  const draining = (host: Instance['host']) => instance('i-1', { target: at('draining'), host });
  const other = instance('i-2');
  expect(stepOf(world([draining({ kind: 'unknown' }), other]))).toMatchObject({ step: 'nothing' });
  expect(stepOf(world([draining(runs(good)), other]))).toMatchObject({
    step: 'nothing',
    reason: 'runs live, and is registered again when it has drained',
  });
  expect(stepOf(world([instance('i-1', { target: null, host: runs(good) })]))).toMatchObject({
    step: 'register',
  });
});

test('one that drains is registered at once, proven, where nobody else serves', () => {
  const draining = (host: Instance['host']) => instance('i-1', { target: at('draining'), host });
  for (const others of [[], [instance('i-2', { target: at('unhealthy') })]]) {
    expect(stepOf(world([draining({ kind: 'unknown' }), ...others]))).toMatchObject({ step: 'ask' });
    expect(stepOf(world([draining(runs(good)), ...others]))).toMatchObject({ step: 'register' });
  }
});

test('a rollout takes one that drains along, and waits until it is healthy', () => {
  const host = runs(good);
  const moving = rollingOut([instance('i-1', { target: at('draining'), host })]);
  expect(stepOf(moving)).toMatchObject({ step: 'apply' });
  const moved = instance('i-1', { target: at('draining'), host: runs(edited) });
  expect(decide(rollingOut([moved, instance('i-2', { host: runs(good) })]))).toMatchObject([
    { step: 'wait', instance: 'i-1', reason: 'waiting for its target' },
    { step: 'nothing', instance: 'i-2', reason: 'runs live, its turn comes' },
  ]);
});
