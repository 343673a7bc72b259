import * as v from 'valibot';
import { batches } from '../aws/pages.ts';
import { decide } from '../decisions/decide.ts';
import { allWell } from '../decisions/fleet.ts';
import { metricsOfLook, metricsOfSweep } from '../decisions/metrics.ts';
import type { Scope } from '../decisions/model.ts';
import { decideFleet } from '../decisions/rollout.ts';
import type { Config } from '../fleet/settings.ts';
import { limits } from '../runtime/limits.ts';
import { type Engine, fleetTag, isFleetName, parameterPath, statePath } from './engine.ts';
import { type Ignored, ignored } from './lifecycle.ts';
import { observer, type Where } from './observe.ts';
import { type Plan, plan } from './plan.ts';
import { type Ended, line, run } from './run.ts';
import { interrupted, SpotEvent } from './spot.ts';
import { stateStore } from './state.ts';
import { type FleetReport, fleetReport } from './status.ts';

const fleetName = v.pipe(v.string(), v.check(isFleetName, 'is no name of a fleet'));
const ByHand = v.variant('mode', [
  v.strictObject({
    fleet: fleetName,
    mode: v.literal('plan'),
    set: v.optional(v.record(v.string(), v.string())),
    rollback: v.optional(v.union([v.literal(true), v.string()])),
  }),
  v.strictObject({ fleet: fleetName, mode: v.literal('status') }),
  v.strictObject({ fleet: fleetName, mode: v.literal('apply'), force: v.optional(v.boolean()) }),
  v.strictObject({ fleet: fleetName, mode: v.literal('rollback'), to: v.optional(v.string()) }),
  // What a sweep hands to an invocation of its own.
  v.strictObject({ fleet: fleetName, mode: v.literal('sweep'), askAll: v.boolean() }),
]);
const Scheduled = v.object({ source: v.literal('aws.events'), time: v.string() });
const ParameterChange = v.object({
  source: v.literal('aws.ssm'),
  time: v.string(),
  detail: v.object({ name: v.string(), operation: v.string() }),
});

export type Reconciled =
  | Ended
  | (Ended & { to: string })
  | Ignored
  | Plan
  | FleetReport
  | { fleets: number; handedOver: string[] };

/** One loop for the schedule, a parameter's change, a spot's notice and a call by hand: they differ in scope alone. */
export async function reconcileEvent(engine: Engine, event: unknown, until: number): Promise<Reconciled> {
  const scheduled = v.safeParse(Scheduled, event);
  if (scheduled.success) return sweep(engine, Date.parse(scheduled.output.time));
  const change = v.safeParse(ParameterChange, event);
  if (change.success) return edited(engine, change.output, until);
  const spot = v.safeParse(SpotEvent, event);
  if (spot.success) return interrupted(engine, spot.output, until);
  const byHand = v.safeParse(ByHand, event);
  if (!byHand.success) throw new Error(describe(byHand.issues[0]));
  const data = byHand.output;
  switch (data.mode) {
    case 'plan': {
      const { fleet, set, rollback } = data;
      const to = rollback && (await formerLive(engine, fleet, rollback === true ? undefined : rollback));
      const request = to ? ({ mode: 'rollback', to, at: engine.clock.now() } as const) : null;
      return plan(engine, { ...whole(fleet, { askAll: true, request }), ...(set && { set }) });
    }
    case 'status':
      return fleetReport(engine, whole(data.fleet, { leaveYoung: false, askAll: true }));
    case 'rollback': {
      const to = await formerLive(engine, data.fleet, data.to);
      const request = { mode: 'rollback', to, at: engine.clock.now() } as const;
      return { ...(await run(engine, whole(data.fleet, { askAll: true, request }), until)), to: to.sha256 };
    }
    case 'apply':
      return run(
        engine,
        whole(data.fleet, {
          askAll: true,
          request: { mode: 'apply', force: data.force ?? false, at: engine.clock.now() },
        }),
        until,
      );
    case 'sweep': {
      // The next sweep goes on, so this one asks nothing new from then on.
      const soon = engine.clock.now() + engine.timing.sweepMs * 0.9;
      const where = whole(data.fleet, { leaveYoung: true, askAll: data.askAll });
      return run(engine, where, until, Math.min(until, soon));
    }
  }
}

/** Every fleet is looked at; one with work gets an invocation of its own, so that none delays another. */
async function sweep(engine: Engine, time: number): Promise<Reconciled> {
  const tag = fleetTag(engine.prefix);
  const names = [...new Set((await engine.aws.groups.tagged()).map(({ tags }) => tags[tag] ?? ''))].sort();
  const fleets = names.filter(isFleetName);
  for (const name of names.filter((it) => !isFleetName(it)))
    engine.log('a group was left out', {
      reason: `its tag ${tag} is ${JSON.stringify(name)}, no name of a fleet`,
    });
  // Hosts are asked now and then, by the schedule's own time, so that nothing has to be remembered.
  const askAll = time % engine.askMs < engine.timing.sweepMs;
  const handedOver: string[] = [];
  const errors: unknown[] = [];
  for (const batch of batches(fleets, 10))
    await Promise.all(
      batch.map(async (fleet) => {
        try {
          // Asking is work, so whoever asks does the looking too: nothing is read twice.
          if (!askAll && (await isAtRest(engine, fleet))) return;
          await engine.aws.invoke(engine.functionName, { fleet, mode: 'sweep', askAll });
          handedOver.push(fleet);
        } catch (error) {
          engine.log('a fleet could not be swept', { fleet, error: String(error) });
          errors.push(error);
        }
      }),
    );
  engine.measure(metricsOfSweep);
  engine.log('swept', { fleets: fleets.length, handedOver, askAll });
  // One bad fleet never stops the rest, and is not silent either.
  if (errors.length > 0)
    throw new AggregateError(
      errors,
      `${errors.length} of ${fleets.length} fleets failed: ${errors.join('; ')}`,
    );
  return { fleets: fleets.length, handedOver };
}

/** Whether a fleet has nothing to do, with what a person should know of it in the log. */
async function isAtRest(engine: Engine, fleet: string): Promise<boolean> {
  const observed = await observer(engine, whole(fleet, { leaveYoung: true })).observe([]);
  const steps = decide(observed);
  if (!steps.every(({ step }) => step === 'nothing' || step === 'report')) return false;
  engine.measure(metricsOfLook(observed, steps));
  for (const step of steps) if (step.step === 'report') engine.log(...line(fleet, step));
  const { says } = decideFleet(observed);
  if (says !== allWell) engine.log(`fleet ${fleet}: ${says}`, { fleet, step: 'fleet', reason: says });
  return true;
}

/**
 * What to go back to: by default live while something else is rolled out, else what was live before.
 *
 * @param to The sha256 of a stored config, or its beginning.
 */
async function formerLive({ aws, prefix }: Engine, fleet: string, to: string | undefined): Promise<Config> {
  const state = stateStore(aws.parameters, statePath(prefix, fleet));
  const { status } = await state.status();
  const lives = await state.lives();
  const before = status?.rollout === undefined ? lives.find((it) => it !== status?.live?.sha256) : lives[0];
  const named = to === undefined ? before : lives.find((it) => it.startsWith(to));
  const known = `it was live on: ${lives.map((it) => it.slice(0, 12)).join(', ') || 'nothing yet'}`;
  if (named === undefined)
    throw new Error(
      to === undefined
        ? `fleet ${fleet} has no earlier configuration to go back to; ${known}`
        : `to: ${to} is no configuration that fleet ${fleet} was live on; ${known}`,
    );
  const config = await state.config(named);
  if (config === null)
    throw new Error(
      `the configuration ${named} is not stored any more: the last ${limits.livesKept} lives are`,
    );
  return config;
}

async function edited(
  engine: Engine,
  { detail, time }: { detail: { name: string; operation: string }; time: string },
  until: number,
): Promise<Reconciled> {
  const root = parameterPath(engine.prefix, '').slice(0, -1);
  const [fleet, ...rest] = detail.name.startsWith(root) ? detail.name.slice(root.length).split('/') : [];
  if (fleet === undefined || !isFleetName(fleet))
    return ignored(engine, `${detail.name} is no fleet's parameter`);
  const deletedAt = detail.operation === 'Delete' ? Date.parse(time) : null;
  const scope = { leaveYoung: true, edited: rest.join('/') };
  return run(engine, { ...whole(fleet, scope), deletedAt }, until);
}

function whole(fleet: string, options: Partial<Extract<Scope, { kind: 'fleet' }>>): Where {
  const scope: Scope = { kind: 'fleet', askAll: false, request: null, leaveYoung: false, ...options };
  return { fleet, scope, group: null, startedAt: null, deletedAt: null };
}

function describe(issue: v.BaseIssue<unknown>): string {
  return (
    `${v.getDotPath(issue) ?? 'the event'}: ${issue.message}. ` +
    'Expected {"fleet": NAME, "mode": "plan" | "apply" | "status" | "rollback"} ("plan" also takes "set": {NAME: ' +
    'VALUE} and "rollback": true | SHA256, "apply" takes "force": true, "rollback" takes "to": SHA256), ' +
    'a schedule event, a Parameter Store change or a notice of a spot instance'
  );
}
