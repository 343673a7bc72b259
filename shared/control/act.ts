import { anotherBuild } from '../decisions/fleet.ts';
import {
  type Act,
  type Intent,
  inForce,
  type Observed,
  type Source,
  type Status,
} from '../decisions/model.ts';
import { mayHaveReturned } from '../decisions/terminating.ts';
import type { Config } from '../fleet/settings.ts';
import { encodeConfig } from '../fleet/squid-conf.ts';
import { toNote } from '../host/document.ts';
import type { Engine } from './engine.ts';
import type { Observer } from './observe.ts';

/** What became of actions. */
export interface Acted {
  /** What has to be read again now. */
  stale: Set<Source>;
  done: Act[];
  /** All failures together; null when there was none. */
  error: Error | null;
}

/**
 * Does what was decided, batched: one command for all instances of one config and intent, one call for all
 * targets. Everything here is safe twice. One that fails does not stop the rest, and what is written comes first:
 * without it nothing else is done.
 */
export async function act(
  engine: Engine,
  observer: Observer,
  observed: Observed,
  acts: Act[],
): Promise<Acted> {
  const stale = new Set<Source>();
  const work: { of: Act[]; ends: Promise<void> }[] = [];
  const of = <S extends Act['step']>(step: S) =>
    acts.filter((it): it is Extract<Act, { step: S }> => it.step === step);
  for (const { config } of of('store-config'))
    await observer.state.storeConfig(config, config.origin ?? observer.origin());
  for (const it of of('write-status')) {
    const { status } = it;
    if (await observer.state.writeStatus(status, observed.state.version)) {
      observer.memory.statusVersion = observed.state.version + 1;
      if (status.live?.sha256 !== observed.state.status?.live?.sha256)
        work.push({ of: [it], ends: prune(engine, observer, status) });
    }
    stale.add('state');
  }
  for (const same of alike(of('apply'), ({ config, intent }) => `${config.sha256} ${text(intent)}`))
    work.push({ of: same, ends: apply(engine, observer, observed, same) });
  for (const same of alike(of('ask'), ({ mode }) => mode))
    work.push({ of: same, ends: ask(engine, observer, observed, same) });
  const { targetGroup } = observed;
  if (targetGroup !== null) {
    const registering = of('register');
    if (registering.length > 0)
      work.push({
        of: registering,
        ends: register(engine, observer, observed, targetGroup.arn, registering),
      });
    const leaving = of('deregister');
    const ports = leaving.map(({ instance }) => ({ instance, port: portOf(observed, instance) }));
    if (leaving.length > 0)
      work.push({ of: leaving, ends: engine.aws.targets.deregister(targetGroup.arn, ports) });
  }
  if (of('register').length + of('deregister').length > 0) stale.add('targets');
  for (const it of of('heartbeat')) work.push({ of: [it], ends: heartbeat(engine, observer, it) });
  for (const it of of('complete')) {
    work.push({ of: [it], ends: complete(engine, observer, observed, it) });
    const { instance, group, hook } = it;
    const one = observed.instances.find(({ id }) => id === instance);
    const other = hook.replace(/-launch$/, '-terminate');
    // A hook that doesn't hold it is no failure.
    if (one !== undefined && other !== hook && mayHaveReturned(observed, one)) {
      const ends = engine.aws.groups.complete(group, other, instance, 'CONTINUE').then(() => {});
      work.push({ of: [], ends });
    }
    stale.add('groups');
  }
  return { stale, ...(await ended(acts, work)) };
}

async function heartbeat(
  { aws, clock }: Engine,
  { memory }: Observer,
  { group, hook, instance }: Extract<Act, { step: 'heartbeat' }>,
): Promise<void> {
  await aws.groups.heartbeat(group, hook, instance);
  memory.heartbeats.set(instance, clock.now());
}

async function complete(
  engine: Engine,
  { memory }: Observer,
  observed: Observed,
  { group, hook, instance, result, reason }: Extract<Act, { step: 'complete' }>,
): Promise<void> {
  // A throttle may hold the last word up for minutes; it is not worth a wait.
  const said = result === 'ABANDON' && farewell(engine, observed, instance, reason);
  await Promise.race([said, engine.clock.sleep(said ? engine.timing.pollMs : 0)]);
  const wasActive = await engine.aws.groups.complete(group, hook, instance, result);
  if (!wasActive) memory.over.set(instance, hook);
}

async function apply(
  engine: Engine,
  observer: Observer,
  observed: Observed,
  same: Extract<Act, { step: 'apply' }>[],
): Promise<void> {
  const { config, intent } = same[0] as (typeof same)[number];
  await send(
    engine,
    observer,
    same.map(({ instance }) => instance),
    {
      mode: 'apply',
      file: encodeConfig(config.file),
      sha256: config.sha256,
      intent: text(intent),
      note: noteFor(same),
      ...common(observed, config),
    },
  );
}

async function ask(
  engine: Engine,
  observer: Observer,
  observed: Observed,
  same: Extract<Act, { step: 'ask' }>[],
): Promise<void> {
  const { mode } = same[0] as (typeof same)[number];
  const ids = same.map(({ instance }) => instance);
  const config = inForce(observed);
  if (config === null) {
    const reason = 'no configuration says on which port to ask';
    const at = engine.clock.now();
    for (const id of ids) observer.memory.hosts.set(id, { kind: 'unreachable', reason, at });
    return;
  }
  await send(engine, observer, ids, { mode, note: noteFor(same), ...common(observed, config) });
}

/** One command goes to many hosts: it says why where that is the same for all of them. */
function noteFor(same: { reason: string }[]): string {
  const [reason = '', ...others] = new Set(same.map((it) => it.reason));
  return others.length === 0 ? toNote(reason) : '';
}

/** Why a machine is given up stands in its own log too, for whoever keeps it; where it can't, it goes without. */
async function farewell({ aws }: Engine, observed: Observed, id: string, reason: string) {
  const config = inForce(observed);
  const reachable = observed.instances.some((it) => it.id === id && it.agentOnline);
  if (config === null || !reachable) return;
  const note = toNote(`abandoned: ${reason}`);
  await aws.commands.send([id], { mode: 'check', note, ...common(observed, config) }).catch(() => {});
}

/**
 * While a rollout is under way, others are told who is at it: for two sweeps, and again before that is over, so that
 * one that dies holds nobody up for long. Whatever keeps it from being taken is no failure of the rollout.
 */
export async function lease(
  { clock, timing, log }: Engine,
  observer: Observer,
  { scope, state }: Observed,
  rollout = state.status?.rollout,
): Promise<void> {
  const { memory, holder } = observer;
  const now = clock.now();
  if (scope.kind !== 'fleet' || rollout === undefined || memory.leasedUntil - now > timing.sweepMs) return;
  memory.leasedUntil = now + 2 * timing.sweepMs;
  await observer.state
    .lease({ holder, sha256: rollout.sha256, until: memory.leasedUntil })
    .catch((error: unknown) => log('no lease could be taken', { error: String(error) }));
}

/** So that the next run need not wait until it has expired. One that another run has taken meanwhile stays its. */
export async function giveBack({ clock, log }: Engine, { memory, state, holder }: Observer): Promise<void> {
  if (memory.leasedUntil <= clock.now()) return;
  try {
    const { lease } = await state.status();
    if (lease?.holder === holder) await state.lease(null);
  } catch (error) {
    log('a lease could not be given back', { error: String(error) });
  }
}

/** Old configs are in nobody's way, so whatever keeps them from going is no failure of the rollout. */
async function prune(engine: Engine, { state }: Observer, status: Status): Promise<void> {
  await state.prune(status, engine.clock.now()).catch((error: unknown) => {
    engine.log('stored configurations could not be pruned', { error: String(error) });
  });
}

/** What every mode takes besides its own: where Squid listens, what the proof fetches, what a revocation does. */
function common({ desired }: Observed, { settings }: Config): Record<string, string> {
  // on-revoke is no part of a config: the newest word on it counts.
  const { onRevoke } = desired.kind === 'config' ? desired.config.settings : settings;
  return { port: String(settings.port), probeUrl: settings.probeUrl ?? '', revoke: onRevoke };
}

async function send(
  engine: Engine,
  { memory }: Observer,
  instances: string[],
  parameters: Record<string, string>,
): Promise<void> {
  const sent = await engine.aws.commands.send(instances, parameters);
  const since = engine.clock.now();
  if (sent.otherDocument !== null) {
    engine.log(`no command is taken: ${anotherBuild}`, { reason: sent.otherDocument });
    const refused = { kind: 'unreachable', reason: anotherBuild, at: since, upgrading: true } as const;
    for (const id of instances)
      if (!sent.ids.has(id) && !sent.unreachable.has(id)) memory.hosts.set(id, refused);
  }
  const mode = parameters.mode as 'apply' | 'check' | 'connections';
  const sha256 = parameters.sha256 ?? null;
  for (const [id, commandId] of sent.ids)
    memory.hosts.set(id, { kind: 'asked', mode, since, sha256, commandId });
  for (const [id, reason] of sent.unreachable) {
    const before = memory.hosts.get(id);
    const first = before?.kind === 'unreachable' ? (before.since ?? before.at) : since;
    memory.hosts.set(id, { kind: 'unreachable', reason, at: since, since: first });
  }
}

async function register(
  { aws, clock, log }: Engine,
  { memory }: Observer,
  observed: Observed,
  arn: string,
  registering: { instance: string }[],
): Promise<void> {
  const instances = registering.map(({ instance }) => instance);
  const refused = await aws.targets.register(arn, instances, inForce(observed)?.settings.port ?? 0);
  for (const id of instances) if (!refused.has(id)) memory.registered.set(id, clock.now());
  for (const [instance, reason] of refused) log('the balancer refused the target', { instance, reason });
}

/** The port of the registration itself, which may be older than the configuration. */
function portOf({ instances, strays }: Observed, id: string): number {
  return [...instances, ...strays].find((one) => one.id === id)?.target?.port ?? 0;
}

export const text = ({ epoch, version, rank }: Intent): string => `${epoch}.${version}.${rank}`;

function alike<T>(list: T[], key: (item: T) => string): T[][] {
  return [...Map.groupBy(list, key).values()];
}

async function ended(
  acts: Act[],
  work: { of: Act[]; ends: Promise<void> }[],
): Promise<Pick<Acted, 'done' | 'error'>> {
  const results = await Promise.allSettled(work.map(({ ends }) => ends));
  const errors = results.flatMap((it) => (it.status === 'rejected' ? [it.reason] : []));
  const failed = new Set(work.flatMap(({ of }, at) => (results[at]?.status === 'rejected' ? of : [])));
  const done = acts.filter((it) => !failed.has(it));
  if (errors.length === 0) return { done, error: null };
  if (errors.length === 1) return { done, error: errors[0] };
  return { done, error: new AggregateError(errors, errors.map((error) => String(error)).join('; ')) };
}
