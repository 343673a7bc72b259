import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { HostKnowledge, Instance } from '../../shared/decisions/model.ts';
import { evidence, goingOut, now, world } from './worlds.ts';

const step = (change: Partial<Instance>) => decide(world([goingOut('i-1', change)]))[0]!;
const draining = { target: { state: 'draining', reason: '', port: 3128 } };
const counted = (connections: number, secondsAgo: number): HostKnowledge => ({
  kind: 'reported',
  report: evidence({ mode: 'connections', connections, drainingSince: (now - secondsAgo * 1000) / 1000 }),
  at: now - 100,
  sha256: null,
});

test('deregisters first', () => {
  expect(step({ target: { state: 'healthy', reason: '', port: 3128 } })).toMatchObject({
    step: 'deregister',
  });
  expect(step({ target: { state: 'initial', reason: '', port: 3128 } })).toMatchObject({
    step: 'deregister',
  });
});

test('the last healthy target leaves loudly, unless another group of the fleet serves', () => {
  const leaving = [goingOut('i-1', { target: { state: 'healthy', reason: '', port: 3128 } })];
  const reasonOf = (healthyElsewhere: number) => decide(world(leaving, { healthyElsewhere }))[0]?.reason;
  expect(reasonOf(0)).toBe('leaving the group: the last healthy target leaves');
  expect(reasonOf(1)).toBe('leaving the group');
});

test('asks the host how many clients are left', () => {
  expect(step(draining)).toMatchObject({ step: 'ask', mode: 'connections' });
});

test('keeps serving through the balancer lag with nobody connected', () => {
  expect(step({ ...draining, host: counted(0, 120) })).toMatchObject({ step: 'wait' });
  expect(step({ ...draining, host: counted(0, 121) })).toMatchObject({
    step: 'complete',
    result: 'CONTINUE',
  });
});

test('waits for clients until the deregistration delay has passed', () => {
  expect(step({ ...draining, host: counted(2, 300) })).toMatchObject({
    step: 'wait',
    reason: expect.stringContaining('2 clients'),
  });
  expect(step({ ...draining, host: counted(2, 301) })).toMatchObject({
    step: 'complete',
    result: 'CONTINUE',
  });
});

test('waits the whole delay out when the agent is dead', () => {
  const dead = { ...draining, agentOnline: false };
  expect(step({ ...dead, startedAt: now - 300_000 })).toMatchObject({
    step: expect.stringMatching(/wait|heartbeat/),
  });
  expect(step({ ...dead, startedAt: now - 301_000 })).toMatchObject({ step: 'complete', result: 'CONTINUE' });
});

test('continues at once when the host is gone', () => {
  expect(step({ target: { state: 'unused', reason: 'Target.InvalidState: …', port: 3128 } })).toMatchObject({
    step: 'complete',
    result: 'CONTINUE',
  });
});

test('sends a heartbeat when a third of the hook has passed', () => {
  expect(step({ ...draining, heartbeatAt: now - 100_000, host: counted(2, 100) })).toMatchObject({
    step: 'heartbeat',
  });
});

test('a drain taken up late asks the host before it ends it', () => {
  const late = { ...draining, startedAt: now - 900_000, heartbeatAt: now };
  expect(step(late)).toMatchObject({ step: 'ask', mode: 'connections' });
  expect(step({ ...late, heartbeatAt: now, host: counted(1, 5) })).toMatchObject({ step: 'wait' });
});
