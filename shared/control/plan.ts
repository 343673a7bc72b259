import { createTwoFilesPatch } from 'diff';
import { decide } from '../decisions/decide.ts';
import { isAct, type Observed, type Step } from '../decisions/model.ts';
import { decideFleet } from '../decisions/rollout.ts';
import { type Wave, wavesOf } from '../decisions/waves.ts';
import { act } from './act.ts';
import type { Engine } from './engine.ts';
import { observer, type Where } from './observe.ts';

export interface Plan {
  fleet: string;
  /** The fleet's state in one line. */
  says: string;
  /** Why what the parameters ask for would not be taken up. */
  refused: string[];
  /** Who would move together, in this order. */
  waves: Wave[];
  /** Edits that were looked at as if they had been made. */
  set: Record<string, string>;
  mistakes: { parameter: string | null; version: number | null; problem: string }[];
  /** What would be written to the fleet's state first. */
  writes: { step: string; reason: string }[];
  instances: { instance: string; lifecycle: string; target: string; step: string; reason: string }[];
  /** Unified, from what is live to what is desired; empty when they are the same. */
  diff: string;
}

/** `decide` without `act`: hosts are asked what they run, and nothing is changed. */
export async function plan(engine: Engine, where: Where): Promise<Plan> {
  const observed = await askAll(engine, where);
  const before = decideFleet(observed);
  const { after, writes } = project(observed);
  const steps = decide(after);
  const { desired, state } = observed;
  const differs = desired.kind === 'config' && desired.config.sha256 !== state.live?.sha256;
  return {
    fleet: where.fleet,
    says: before.says,
    refused: before.refused,
    waves: wavesOf(after),
    set: where.set ?? {},
    mistakes: desired.kind === 'mistakes' ? desired.mistakes : [],
    writes: writes.map(({ step, reason }) => ({ step, reason })),
    instances: observed.instances.map(({ id, lifecycle, target }) => {
      const step = steps.find(({ instance }) => instance === id);
      return {
        instance: id,
        lifecycle,
        target: target?.state ?? 'not registered',
        step: step?.step ?? 'nothing',
        reason: step?.reason ?? 'not in this scope',
      };
    }),
    diff: differs
      ? createTwoFilesPatch(
          'live',
          'desired',
          state.live?.file ?? '',
          desired.config.file,
          undefined,
          undefined,
          { context: 2 },
        )
      : '',
  };
}

/** Observes with every reachable host in service asked what it runs. */
export async function askAll(engine: Engine, where: Where): Promise<Observed> {
  const eye = observer(engine, where);
  let observed = await eye.observe([]);
  const ask = observed.instances
    .filter(({ lifecycle, agentOnline }) => lifecycle === 'InService' && agentOnline)
    .map(({ id }) => ({
      step: 'ask' as const,
      instance: id,
      mode: 'check' as const,
      reason: 'asked by hand',
    }));
  if (ask.length === 0) return observed;
  await act(engine, eye, observed, ask);
  const giveUp = engine.clock.now() + 30_000;
  do {
    await engine.clock.sleep(engine.timing.pollMs / 5);
    observed = await eye.observe(['commands']);
  } while (observed.instances.some(({ host }) => host.kind === 'asked') && engine.clock.now() < giveUp);
  return observed;
}

/** The world as it would be after the writes that `decide` asks for first. */
function project(observed: Observed): { after: Observed; writes: Step[] } {
  const writes: Step[] = [];
  let after = observed;
  for (let turn = 0; turn < 5; turn++) {
    const steps = decide(after).filter(isAct);
    const status = steps.find((step) => step.step === 'write-status')?.status;
    if (status === undefined) break;
    writes.push(...steps);
    const { state, desired } = after;
    const known = [state.live, state.rollout, desired.kind === 'config' ? desired.config : null];
    const find = (sha256: string | undefined) => known.find((config) => config?.sha256 === sha256) ?? null;
    after = {
      ...after,
      state: {
        status,
        version: state.version + 1,
        live: find(status.live?.sha256),
        rollout: find(status.rollout?.sha256),
      },
    };
  }
  return { after, writes };
}
