import { decide } from '../decisions/decide.ts';
import { metricsOfActs, metricsOfLook } from '../decisions/metrics.ts';
import { type Act, isAct, type Observed, type Source, type Step } from '../decisions/model.ts';
import { decideFleet } from '../decisions/rollout.ts';
import { limits } from '../runtime/limits.ts';
import { act, giveBack, lease } from './act.ts';
import type { Engine } from './engine.ts';
import { freshMs, type Observer, observer, type Where } from './observe.ts';
import { type Teller, teller } from './tell.ts';

/** How a run ended: with nothing left to do, or out of time with what it was waiting for. */
export interface Ended {
  fleet: string;
  /** The fleet's state in one line. */
  says: string;
  /** What was decided last, an instance a line. */
  steps: { instance: string | null; step: string; reason: string }[];
  /** True when waits were left to the next run. */
  unfinished: boolean;
}

/**
 * The whole engine: observe → decide → act, until nothing is left to do or the time is used up. It can die
 * anywhere: the next run observes how far it got and goes on.
 *
 * @param soon From then on nothing new is asked of a host, and only what has been asked is waited for: a script that
 *   hangs takes longer to end than a sweep lasts.
 */
export async function run(engine: Engine, where: Where, until: number, soon = until): Promise<Ended> {
  const eye = observer(engine, where);
  const others = teller(engine);
  try {
    return await loop(engine, eye, others, where, until, soon);
  } finally {
    await Promise.all([giveBack(engine, eye), others.done()]);
  }
}

async function loop(
  engine: Engine,
  eye: Observer,
  others: Teller,
  where: Where,
  until: number,
  soon: number,
): Promise<Ended> {
  const { clock } = engine;
  const seen = new Map<string, string>();
  const done = new Map<string, number>();
  const first = new Map<string, number>();
  const since = where.startedAt ?? clock.now();
  const end = (observed: Observed, steps: Step[], unfinished: boolean) => {
    engine.measure(metricsOfLook(observed, steps));
    return ended(observed, steps, unfinished);
  };
  let stale: Set<Source> = new Set();
  for (let turns = 0; turns < limits.actsMax; ) {
    const observed = await eye.observe(stale);
    const steps = decide(observed).map((step) => patient(step, observed, done));
    const acts = steps.filter(isAct);
    stale = new Set(tooOld(eye, observed, acts));
    if (stale.size > 0) {
      // Where each read takes longer than it stays fresh, the next run has to try.
      if (clock.now() < until) continue;
      return end(observed, steps, true);
    }
    report(engine, since, observed, steps, seen);
    others.look(observed, steps);
    const begins = acts.some(({ step }) => step === 'apply' || step === 'ask');
    if (begins && clock.now() >= soon) return end(observed, steps, true);
    if (acts.length > 0) {
      turns++;
      // Whoever only looks (status, plan) holds nobody up. Taken before the rollout can be seen, or two begin it.
      const starts = acts.find((it) => it.step === 'write-status')?.status.rollout;
      if (begins || starts) await lease(engine, eye, observed, starts);
      const acted = await act(engine, eye, observed, acts);
      stale = acted.stale;
      for (const it of acted.done) {
        done.set(said(it), clock.now());
        const key = `${it.step} ${it.instance}`;
        if (!first.has(key)) first.set(key, observed.now);
      }
      const counted = acted.done.filter((it) => isMine(eye, observed, it));
      others.acts(observed, counted);
      engine.measure(metricsOfActs(observed, counted, (step, instance) => first.get(`${step} ${instance}`)));
      if (acted.error !== null) throw acted.error;
      // An event's instance whose action has been completed is Auto Scaling's from here on.
      if (where.scope.kind === 'instance' && acts.every(({ step }) => step === 'complete'))
        return end(observed, steps, false);
      if (clock.now() < until) continue;
      return end(observed, steps, true);
    }
    const waits = steps.filter((step) => step.step === 'wait');
    if (waits.length === 0) return end(observed, steps, false);
    const pollMs = Math.min(...waits.map((wait) => wait.pollMs));
    const isAsked = observed.instances.some(({ host }) => host.kind === 'asked');
    if (clock.now() + pollMs > (isAsked ? until : soon)) return end(observed, steps, true);
    await clock.sleep(pollMs);
    stale = new Set(waits.flatMap(({ on }) => rereads[on]));
  }
  throw new Error(`fleet ${where.fleet}: still something to do after ${limits.actsMax} rounds of actions`);
}

/**
 * What was done a moment ago and is asked for again has not shown its effect yet: a stale read, or a
 * refusal. It waits like everything else, so that no loop goes round without a pause.
 */
function patient(step: Step, { now, timing }: Observed, done: Map<string, number>): Step {
  const at = isAct(step) && step.instance !== null ? done.get(said(step)) : undefined;
  if (at === undefined || now - at >= timing.pollMs) return step;
  const reason = `${step.step} has not shown its effect yet`;
  return { step: 'wait', instance: step.instance, on: 'state', pollMs: timing.pollMs, reason };
}

/** What was over already, or decided otherwise in between, is told and counted by whoever did that. */
function isMine({ memory }: Observer, { state }: Observed, act: Act): boolean {
  if (act.step === 'write-status') return memory.statusVersion === state.version + 1;
  return act.step !== 'complete' || memory.over.get(act.instance) !== act.hook;
}

const said = ({ step, instance, reason }: Step | FleetLine): string => `${step} ${instance} ${reason}`;

function ended(observed: Observed, steps: Step[], unfinished: boolean): Ended {
  const { fleet } = observed;
  const lines = steps.map(({ instance, step, reason }) => ({ instance, step, reason }));
  return { fleet, says: decideFleet(observed).says, steps: lines, unfinished };
}

/** What has to be read again after waiting for something. A fault of the fleet may be mended anywhere. */
const rereads: Record<Source, Source[]> = {
  groups: ['groups', 'targets', 'agents'],
  parameters: ['parameters'],
  state: ['groups', 'parameters', 'state', 'targets', 'agents'],
  targets: ['targets'],
  agents: ['agents'],
  commands: ['commands'],
};

/** What an action was decided upon may have moved while something else was waited for. */
function tooOld(eye: Observer, { now }: Observed, acts: Act[]): Source[] {
  const sources = new Set<Source>(acts.flatMap(({ step }) => dependsOn[step]));
  // Two runs that write at once would each put the other's decision back, so the state is read just before.
  const writes = acts.some(({ step }) => step === 'write-status');
  const mayBe = (source: Source) => (writes && source === 'state' ? writeFreshMs : freshMs);
  return [...sources].filter((source) => now - eye.readAt(source) > mayBe(source));
}

const writeFreshMs = 200;

const dependsOn: Record<Act['step'], Source[]> = {
  'store-config': ['parameters', 'state'],
  'write-status': ['parameters', 'state', 'groups'],
  // The next host of a rollout moves when the last one is healthy.
  apply: ['parameters', 'state', 'targets'],
  ask: [],
  register: ['groups', 'state'],
  deregister: ['groups'],
  heartbeat: [],
  // A new live config while the target got healthy is applied before the instance enters service.
  complete: ['state'],
};

/**
 * One line a decision: the fleet's and each instance's, whatever is decided anew, not every look at the same
 * wait. `ms` counts from the event.
 */
function report(engine: Engine, since: number, observed: Observed, steps: Step[], seen: Map<string, string>) {
  const { fleet, now } = observed;
  const { says } = decideFleet(observed);
  for (const step of [{ step: 'fleet' as const, instance: null, reason: says }, ...steps]) {
    const who = step.step === 'report' ? said(step) : `${step.instance} ${step.step === 'fleet'}`;
    if (seen.get(who) === said(step)) continue;
    seen.set(who, said(step));
    const [message, fields] = line(fleet, step);
    engine.log(message, { ...fields, ms: now - since });
  }
}

/** A decision as the log has it. */
export function line(fleet: string, step: Step | FleetLine): Parameters<Engine['log']> {
  const { instance, reason } = step;
  const fields = { fleet, instance, step: step.step, reason, ...detail(step) };
  return [`${step.step} ${instance ?? fleet}: ${reason}`, fields];
}

interface FleetLine {
  step: 'fleet';
  instance: null;
  reason: string;
}

function detail(step: Step | FleetLine): Record<string, unknown> {
  if (step.step === 'apply') return { sha256: step.config.sha256 };
  if (step.step === 'complete') return { result: step.result, ...(step.cause && { cause: step.cause }) };
  if (step.step === 'report') return { problem: step.thing };
  return {};
}
