import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../shared/decisions/decide.ts';
import type { Desired, Observed } from '../../shared/decisions/model.ts';
import {
  desiredOf,
  edited,
  evidence,
  failed,
  good,
  instance,
  now,
  rejected,
  rollingOut,
  runs,
  whole,
} from './worlds.ts';

/** Any mixture of what a host can be, in any state of the fleet. */
const anyInstance = fc.record({
  lifecycle: fc.constantFrom(
    'Pending',
    'Pending:Wait',
    'Pending:Proceed',
    'InService',
    'Terminating:Wait',
    'Terminating',
    'Standby',
    'Warmed:Pending:Wait',
    'Warmed:Terminating:Wait',
    'Detached',
    'Terminated',
  ),
  agentOnline: fc.boolean(),
  target: fc.constantFrom(
    null,
    ...['initial', 'healthy', 'unhealthy', 'unused', 'draining', 'unavailable', 'unhealthy.draining'].map(
      (state) => ({ state, reason: '', port: 3128 }),
    ),
  ),
  host: fc.constantFrom(
    { kind: 'unknown' } as const,
    { kind: 'asked', mode: 'apply', since: now, sha256: edited.sha256 } as const,
    { kind: 'unreachable', reason: 'x', at: now } as const,
    runs(good),
    runs(good, false),
    runs(edited),
    ...(['rejected', 'restored', 'failed', 'unable', 'busy', 'superseded'] as const).map((outcome) =>
      failed(edited, { outcome }),
    ),
    {
      kind: 'reported',
      report: evidence({ outcome: 'unproven', running: null }),
      at: now,
      sha256: null,
    } as const,
  ),
  hook: fc.constantFrom(null, { name: 'shoal-launch', heartbeatMs: 30_000 }),
  startedAt: fc.constantFrom(null, now, now - 10_000_000),
  heartbeatAt: fc.constantFrom(null, now),
});
const anyWorld = fc
  .record({
    instances: fc.array(anyInstance, { maxLength: 4 }),
    rolling: fc.boolean(),
    rejected: fc.boolean(),
    live: fc.boolean(),
    status: fc.boolean(),
    desired: fc.constantFrom<Desired>(desiredOf(good), desiredOf(), desiredOf(edited, now), {
      kind: 'mistakes',
      mistakes: [],
      editedAt: 0,
    }),
    force: fc.constantFrom(null, true, false),
    target: fc.boolean(),
  })
  .map((it) => {
    const base = rollingOut(it.instances.map((change, at) => instance(`i-${at}`, change)));
    const { rollout, live, ...rest } = base.state.status!;
    const written = {
      ...rest,
      ...(it.rolling ? { rollout } : {}),
      ...(it.live ? { live } : {}),
      ...(it.rejected ? { rejected } : {}),
    };
    return {
      ...base,
      desired: it.desired,
      scope: {
        ...whole,
        request: it.force === null ? null : { mode: 'apply' as const, force: it.force, at: now },
      },
      targetGroup: it.target ? base.targetGroup : null,
      state: it.status
        ? {
            status: written as typeof rest,
            version: 4,
            live: it.live ? good : null,
            rollout: it.rolling ? edited : null,
          }
        : { status: null, version: 0, live: null, rollout: null },
    } satisfies Observed;
  });

test('is total, and gives every instance exactly one step with a reason', () => {
  fc.assert(
    fc.property(anyWorld, (observed) => {
      const all = decide(observed);
      for (const step of all) expect(step.reason).not.toBe('');
      if (all.some(({ step }) => step === 'write-status')) return;
      const ids = all.flatMap((step) => (step.instance === null ? [] : [step.instance]));
      expect(ids.sort()).toEqual(observed.instances.map(({ id }) => id).sort());
    }),
    { numRuns: 2_000 },
  );
});

test('never registers or continues an unproven instance, in any state', () => {
  fc.assert(
    fc.property(anyWorld, (observed) => {
      for (const step of decide(observed)) {
        const one = observed.instances.find(({ id }) => id === step.instance);
        if (one === undefined) continue;
        const proven = one.host.kind === 'reported' && one.host.report.outcome === 'proven';
        if (step.step === 'register') expect(proven).toBe(true);
        if (step.step === 'complete' && step.result === 'CONTINUE' && one.lifecycle === 'Pending:Wait')
          expect({ proven, target: one.target?.state }).toEqual({ proven: true, target: 'healthy' });
      }
    }),
    { numRuns: 2_000 },
  );
});

test('moves at most one host in service to a new config', () => {
  fc.assert(
    fc.property(anyWorld, (observed) => {
      const moving = decide(observed).filter(
        (step) =>
          step.step === 'apply' &&
          step.config.sha256 === edited.sha256 &&
          observed.instances.some(({ id, lifecycle }) => id === step.instance && lifecycle === 'InService'),
      );
      expect(moving.length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 2_000 },
  );
});
