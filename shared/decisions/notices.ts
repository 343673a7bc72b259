import { plain } from '../fleet/plain.ts';
import { byHand, short } from './fleet.ts';
import type { Act, Observed, Status } from './model.ts';

/** Something that became of a fleet, for whoever listens on the bus. docs/operations.md has the three types. */
export interface Notice {
  type: 'Shoal Fleet Status' | 'Shoal Launch Abandoned' | 'Shoal Launch Held';
  detail: {
    fleet: string;
    /** Of a fleet's status: what it became. */
    transition?: Transition;
    /** Whose launch it is, of several the one that began first; or who rejected the configuration. */
    instance?: string;
    /** Of held launches, how many wait for the same, and which, the one that began first at the head. */
    count?: number;
    instances?: string[];
    /** The configuration that the transition is about. */
    sha256?: string;
    /** Of an ABANDON, what a new machine could cure. */
    cause?: string;
    /** In words, at most 1,000 characters without line breaks. */
    reason: string;
    /** All of it in one line of at most 200 characters, for a person at night. */
    text: string;
    /** The command to run next. */
    next: string;
  };
}

export type Transition =
  | 'live'
  | 'new-epoch'
  | 'rebuilt'
  | 'rejected'
  | 'rejection-lifted'
  | 'reversed'
  | 'rollout-started'
  | 'rolled-back-by-hand'
  | 'way-back-failed';

/** What has just been done, as others should hear of it. `prefix` names the stage. */
export function noticesOfActs({ fleet, state }: Observed, acts: Act[], prefix: string): Notice[] {
  return acts.flatMap((act): Notice[] => {
    if (act.step === 'write-status') return ofStatus(fleet, state.status, act, prefix);
    if (act.step !== 'complete' || act.result !== 'ABANDON') return [];
    const { instance, reason, cause = 'other' } = act;
    const what = `launch of ${instance} given up, Auto Scaling starts another: ${reason}`;
    return [notice('Shoal Launch Abandoned', prefix, { fleet, instance, cause, reason }, what)];
  });
}

/**
 * Launches that wait for a person, one notice for all that wait for the same. The handler of a launch's event says so
 * when a sweep's period has passed, since much that holds a launch is over by then. A sweep says it when hosts are
 * asked the 1st, 2nd, 4th, 8th … time since the first of them began: what stays is said again, ever more rarely, and
 * nobody has to remember that it was.
 *
 * @param held Why each launch is held.
 * @param askMs How often every host is asked.
 * @param since When the sweep began, epoch milliseconds: however long it lasts, it is one.
 */
export function noticesOfHeld(
  { fleet, scope, instances, now, timing }: Observed,
  held: Map<string, string>,
  { askMs, since, prefix }: { askMs: number; since: number; prefix: string },
): Notice[] {
  if (scope.kind === 'fleet' && (!scope.askAll || scope.request !== null)) return [];
  const isDue = (startedAt: number) => {
    if (scope.kind === 'instance') return startedAt === unknown || now - startedAt >= timing.sweepMs;
    // Where nobody knows when they began, the first time in each hour.
    if (startedAt === unknown) return since % hourMs < askMs;
    return isPowerOfTwo(Math.floor((since - startedAt) / askMs));
  };
  const launches = instances
    .filter(({ id }) => held.has(id))
    .map(({ id, startedAt }) => ({ id, startedAt: startedAt ?? unknown }))
    .sort((a, b) => a.startedAt - b.startedAt);
  return [...Map.groupBy(launches, ({ id }) => held.get(id) ?? '')].flatMap(([why, those]) => {
    const [first] = those;
    if (first === undefined || !isDue(first.startedAt)) return [];
    const count = those.length;
    const ids = those.map(({ id }) => id);
    const named = ids.slice(0, 2).join(', ') + (count > 2 ? ` and ${count - 2} more` : '');
    const who = count === 1 ? `launch of ${first.id} is held` : `${count} launches are held (${named})`;
    const reason = why.replace(/^held: /, '');
    const facts = { fleet, instance: first.id, count, instances: ids, reason };
    return [notice('Shoal Launch Held', prefix, facts, `${who}: ${reason}`)];
  });
}

const hourMs = 3_600_000;
/** A start that no scaling activity tells: later than all others. */
const unknown = Number.MAX_SAFE_INTEGER;

function ofStatus(
  fleet: string,
  before: Status | null,
  { status, reason }: Extract<Act, { step: 'write-status' }>,
  prefix: string,
): Notice[] {
  const transition = transitionOf(before, status);
  const { live, rollout, rejected } = status;
  const of = {
    rejected: rejected?.sha256,
    'rollout-started': rollout?.sha256,
    'rolled-back-by-hand': rollout?.sha256,
    'way-back-failed': rejected?.sha256,
  };
  const sha256 = transition in of ? of[transition as keyof typeof of] : live?.sha256;
  const isVerdict = transition === 'rejected';
  const facts = {
    ...{ fleet, transition, reason: isVerdict ? (rejected?.reason ?? reason) : reason },
    ...(sha256 !== undefined && { sha256 }),
    ...(isVerdict && rejected !== undefined && { instance: rejected.instance }),
  };
  const name = short(sha256 ?? 'nothing');
  const after = live ? 'hosts go back' : 'nothing is live';
  const words: Record<Transition, string> = {
    live: `${name} is live: ${reason}`,
    'new-epoch': reason,
    rebuilt: `${name} is live again: ${reason}`,
    rejected: `${name} rejected, ${after}: ${facts.instance}: ${facts.reason}`,
    'rejection-lifted': reason,
    reversed: `the way back has ended: ${reason}`,
    'rollout-started': `${name} is rolled out: ${reason}`,
    'rolled-back-by-hand': `somebody goes back to ${name}: the parameters count as rejected`,
    'way-back-failed': `the way back has failed: ${reason}`,
  };
  return [notice('Shoal Fleet Status', prefix, facts, words[transition])];
}

/** What a written status says beyond the one before it. */
function transitionOf(before: Status | null, { live, rejected, rollout, epoch }: Status): Transition {
  if (rejected !== undefined && rejected.at !== before?.rejected?.at)
    return rejected.instance === byHand ? 'rolled-back-by-hand' : 'rejected';
  if (rejected !== undefined && rejected.reason !== before?.rejected?.reason) return 'way-back-failed';
  if (rollout !== undefined && rollout.sha256 !== before?.rollout?.sha256) return 'rollout-started';
  if (live !== undefined && live.since !== before?.live?.since) return before === null ? 'rebuilt' : 'live';
  if (epoch !== before?.epoch) return 'new-epoch';
  return rollout !== undefined || before.rollout === undefined ? 'rejection-lifted' : 'reversed';
}

function notice(
  type: Notice['type'],
  prefix: string,
  facts: Omit<Notice['detail'], 'text' | 'next'>,
  what: string,
): Notice {
  const { fleet, reason } = facts;
  const stage = prefix === 'shoal' ? '' : ` --stage ${prefix.replace(/^shoal-/, '')}`;
  const text = oneLine(`${fleet}: ${what}`, 200);
  const next = `npm run shoal -- status ${fleet}${stage}`;
  return { type, detail: { ...facts, reason: oneLine(reason, 1_000), text, next } };
}

/**
 * Hosts and parameters have their say in a reason. What would break a line, or the quotes that a rule's input
 * transformer puts around it, goes.
 */
function oneLine(text: string, charactersMax: number): string {
  const line = plain(text).replace(/ +/g, ' ').replaceAll('"', "'").replaceAll('\\', '/');
  const characters = Array.from(line);
  return characters.length <= charactersMax ? line : `${characters.slice(0, charactersMax - 1).join('')}…`;
}

/** 1, 2, 4, 8 … */
function isPowerOfTwo(count: number): boolean {
  return count > 0 && Number.isInteger(Math.log2(count));
}
