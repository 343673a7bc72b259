import { createTwoFilesPatch } from 'diff';
import { decide } from '../decisions/decide.ts';
import { short } from '../decisions/fleet.ts';
import { type Instance, isAct, type Observed, type Source, type Step } from '../decisions/model.ts';
import { mostProven } from '../decisions/recovery.ts';
import { decideFleet } from '../decisions/rollout.ts';
import { type Wave, wavesOf } from '../decisions/waves.ts';
import type { Config, Settings } from '../fleet/settings.ts';
import { act } from './act.ts';
import { type CutOff, cutOff } from './cut-off.ts';
import { type Engine, statePath } from './engine.ts';
import { observer, type Where } from './observe.ts';
import { planText } from './plan-text.ts';
import { stateStore } from './state.ts';

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
  /** Whom the edit would cut off, of those who are connected now. */
  cutOff: CutOff;
  /** Where squid.conf is not what was proven there last: `-` was there, `+` is there now, the first lines alone. */
  differs: { instance: string; lines: string[] }[];
  /** Unified, from what most hosts run to what is desired; empty when they are the same. */
  diff: string;
  /** All of this for people. */
  text: string;
}

/** `decide` without `act`: hosts are asked what they run, and nothing is changed. */
export async function plan(engine: Engine, where: Where): Promise<Plan> {
  const looked = await askAll(engine, where);
  // Who asks wants to know what becomes of the edit that has just been made.
  const observed = { ...looked, timing: { ...looked.timing, debounceMs: Number.NEGATIVE_INFINITY } };
  const before = decideFleet(observed);
  const { after, writes } = project(observed);
  const steps = decide(after);
  const { desired, instances } = observed;
  const facts = {
    fleet: where.fleet,
    says: before.says,
    refused: before.refused,
    waves: wavesOf(after),
    set: where.set ?? {},
    mistakes: desired.kind === 'mistakes' ? desired.mistakes : [],
    writes: writes.map(({ step, reason }) => ({ step, reason })),
    instances: instances.map(({ id, lifecycle, target }) => {
      const step = steps.find(({ instance }) => instance === id);
      return {
        instance: id,
        lifecycle,
        target: target?.state ?? 'not registered',
        step: step?.step ?? 'nothing',
        reason: step?.reason ?? 'not in this scope',
      };
    }),
    cutOff: cutOffBy(observed),
    differs: differsOn(instances),
    diff: await diff(engine, observed),
  };
  return { ...facts, text: planText(facts, engine.prefix) };
}

/** What would be rolled out: what the parameters ask for, or what somebody would go back to. */
function wantedBy({ desired, scope }: Observed): Config | null {
  if (scope.kind === 'fleet' && scope.request?.mode === 'rollback') return scope.request.to;
  return desired.kind === 'config' ? desired.config : null;
}

/** With broken parameters nobody is: what is live stays. */
function cutOffBy(observed: Observed): CutOff {
  const { instances, state, desired } = observed;
  const connected = instances.flatMap(({ id, host }) => {
    if (host.kind !== 'reported') return [];
    const { clients = [], clientsTotal = clients.length } = host.report;
    return [{ instance: id, clients, clientsTotal }];
  });
  const live = state.live?.settings ?? null;
  const wanted = wantedBy(observed)?.settings ?? live ?? noClients;
  // on-revoke is no part of a config: the newest word on it counts.
  const { onRevoke } = desired.kind === 'config' ? desired.config.settings : wanted;
  return cutOff(wanted === noClients ? [] : connected, live, { ...wanted, onRevoke });
}

const noClients: Pick<Settings, 'allowedCidrs' | 'onRevoke'> = { allowedCidrs: [], onRevoke: 'disconnect' };

/** A file that somebody has made may hold anything: what a terminal would obey is shown as a question mark. */
function differsOn(instances: Instance[]): Plan['differs'] {
  return instances.flatMap(({ id, host }) => {
    const text = host.kind === 'reported' ? host.report.differs : undefined;
    if (text === undefined) return [];
    const lines = Buffer.from(text, 'base64').toString().split('\n');
    const shown = lines
      .filter((line) => line !== '')
      .map((line) => line.replaceAll(/[\p{C}\u2028\u2029]/gu, '?'));
    return [{ instance: id, lines: shown.map((line) => line.replace(/^< ?/, '-').replace(/^> ?/, '+')) }];
  });
}

/** From what most hosts run, or from what is live where none says, to what would be rolled out. */
async function diff({ aws, prefix }: Engine, observed: Observed): Promise<string> {
  const { state, instances, fleet } = observed;
  const to = wantedBy(observed);
  if (to === null) return '';
  const from = mostProven(instances) ?? state.live?.sha256;
  if (from === to.sha256) return '';
  const known = [state.live, state.rollout].find((it) => it?.sha256 === from);
  const config =
    known ??
    (from === undefined ? null : await stateStore(aws.parameters, statePath(prefix, fleet)).config(from));
  const name = from === undefined ? 'nothing' : `${short(from)}${config ? '' : ', which is not stored'}`;
  return createTwoFilesPatch(name, short(to.sha256), config?.file ?? '', to.file, undefined, undefined, {
    context: 2,
  });
}

/** Observes with every reachable host in service asked what it runs. */
export async function askAll(engine: Engine, where: Where): Promise<Observed> {
  const eye = observer(engine, where);
  // Who only looks wants to know how far it is, whoever is at it.
  const look = async (stale: Source[]): Promise<Observed> => {
    const observed = await eye.observe(stale);
    return { ...observed, state: { ...observed.state, lease: null } };
  };
  let observed = await look([]);
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
    observed = await look(['commands']);
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
    const { state } = after;
    const known = [state.live, state.rollout, wantedBy(observed)];
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
