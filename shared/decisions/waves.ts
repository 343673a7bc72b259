import type { Config, Share } from '../fleet/settings.ts';
import { byHand, isReversal } from './fleet.ts';
import { follows, isFailed, isHealthy, isProven, zonesInTurn } from './members.ts';
import type { Instance, Observed, Status, Wait } from './model.ts';
import { isLost } from './sick.ts';

/** A part of the fleet that moves together, as people see it. */
export interface Wave {
  name: string;
  instances: string[];
  state: 'done' | 'moving' | 'waits';
  reason: string;
}

/** How far a rollout is, from the hosts' own answers alone: the group changes under it. */
export interface Progress {
  /** Who has to be proven: in service, and within reach or not for long out of it. */
  members: Instance[];
  done: Instance[];
  /** The canary, then the waves, the proven ones first. */
  waves: { name: string; members: Instance[] }[];
  /** Who may move now. */
  movers: Instance[];
  /** What the next move waits for, when nobody moves; null when something else waits for it already. */
  wait: Wait | null;
  /** Nothing is left to wait for: all are proven and follow this decision, and the last wave has soaked. */
  complete: boolean;
}

type Rollout = NonNullable<Status['rollout']>;

export function progressOf(observed: Observed, config: Config, rollout: Rollout): Progress {
  const { sha256 } = config;
  const isLive = sha256 === observed.state.status?.live?.sha256;
  // One that can't take live either is sick: the way back doesn't wait for it.
  const members = observed.instances.filter(
    (it) => it.lifecycle === 'InService' && !isLost(observed, it) && !(isLive && isFailed(it, sha256)),
  );
  const isDone = (member: Instance) => isProven(member, sha256);
  const isMoving = ({ host }: Instance) =>
    host.kind === 'asked' && host.mode === 'apply' && host.sha256 === sha256;
  const late = (member: Instance) => {
    if (isDone(member)) return 0;
    if (isMoving(member)) return 1;
    // What fails, or was not well before, lets the others go first: it may fail again, and holds nobody up.
    if (isFailed(member, sha256)) return 5;
    if (rollout.unhealthyBefore.includes(member.id)) return 4;
    return isReachable(member) ? 2 : 3;
  };
  const order = zonesInTurn(members).sort((a, b) => late(a) - late(b));
  const policy = policyOf(observed, config);
  const waves = cut(order, policy);
  const done = members.filter(isDone);
  const at = waves.findIndex((wave) => !wave.members.every(isDone));
  const state: Progress = { members, done, waves, movers: [], wait: null, complete: false };
  // Who has answered is known only when all have.
  if (members.some(({ host, agentOnline }) => agentOnline && host.kind === 'unknown')) return state;
  const soaking = soak(observed, done, policy.soakSeconds);
  const current = waves[at];
  const settled = members.length > 0 && members.every((it) => follows(it, observed));
  if (current === undefined) return { ...state, wait: soaking, complete: settled && !soaking };
  const moving = members.filter(isMoving);
  if (done.some((it) => holdsUp(observed, it, rollout, isLive) && !isTakenOut(it, done)))
    return { ...state, movers: moving };
  const isFresh = !current.members.some((it) => isDone(it) || isMoving(it));
  if (isFresh && isHeld(observed, config)) return state;
  if (isFresh && at > 0 && soaking !== null) return { ...state, wait: soaking };
  const candidates = current.members.filter((it) => !isDone(it) && !isMoving(it) && it.agentOnline);
  const movers = [...moving, ...choose(observed, moving, candidates)];
  const away = current.members.find(({ agentOnline }) => !agentOnline);
  const unreached = movers.length === 0 && away !== undefined;
  return { ...state, movers, wait: unreached ? awayFor(observed, away) : null };
}

/** The waves of the rollout under way, for people; empty when there is none. */
export function wavesOf(observed: Observed): Wave[] {
  const { status, rollout: config } = observed.state;
  const rollout = status?.rollout;
  if (status === null || rollout === undefined || config === null || isReversal(status)) return [];
  const { waves, done, movers, wait } = progressOf(observed, config, rollout);
  return waves.map(({ name, members }): Wave => {
    const instances = members.map(({ id }) => id);
    const proven = members.filter((it) => done.includes(it)).length;
    if (proven === members.length) return { name, instances, state: 'done', reason: 'proven' };
    const moves = proven > 0 || members.some((it) => movers.includes(it));
    const reason = moves
      ? `${proven} of ${members.length} proven`
      : (wait?.reason ?? 'the waves before it first');
    return { name, instances, state: moves ? 'moving' : 'waits', reason };
  });
}

/** More of them than this, and the rollout is given up. */
export function errorsAllowed(observed: Observed, config: Config, members: number): number {
  return sizeOf(policyOf(observed, config).errors, members, 0);
}

export function isPaused({ desired }: Observed): boolean {
  return desired.kind === 'config' && desired.config.settings.paused;
}

/** Paused holds up what goes forward, and no way back: to live, or by hand to what was live before. */
export function isHeld(observed: Observed, { sha256 }: Config): boolean {
  const { live, rejected } = observed.state.status ?? {};
  return isPaused(observed) && sha256 !== live?.sha256 && rejected?.instance !== byHand;
}

/**
 * A host that is proven and not healthy keeps the next from moving. On the way back to live only one that has just
 * come back does, and not for good: neither condemns live, and the others are to leave what was wrong.
 */
function holdsUp({ now, timing }: Observed, host: Instance, rollout: Rollout, isLive: boolean): boolean {
  if (isHealthy(host) || rollout.unhealthyBefore.includes(host.id)) return false;
  // The host says whole seconds, rounded down.
  const since = provenSince(host) + 1000;
  return !isLive || (since > rollout.startedAt && now - since <= timing.healthyBudgetMs);
}

/**
 * Somebody, or EC2's notice, took it out of the target group while it serves: that may last for as long as it drains.
 * Once another one is proven and healthy, nobody waits for it.
 */
function isTakenOut({ target }: Instance, done: Instance[]): boolean {
  return target?.state.endsWith('draining') === true && done.some(isHealthy);
}

/** `rollout` is no part of a config: the newest word on it counts. */
function policyOf({ desired }: Observed, config: Config): Config['settings']['rollout'] {
  return (desired.kind === 'config' ? desired.config : config).settings.rollout;
}

function cut(
  order: Instance[],
  { canary, wave }: { canary: Share; wave: Share },
): { name: string; members: Instance[] }[] {
  const waves: { name: string; members: Instance[] }[] = [];
  const none = ('count' in canary ? canary.count : canary.percent) === 0;
  const first = sizeOf(canary, order.length, none ? 0 : 1);
  if (first > 0) waves.push({ name: 'canary', members: order.slice(0, first) });
  const step = sizeOf(wave, order.length, 1);
  for (let from = first; from < order.length; from += step)
    waves.push({
      name: `wave ${waves.length + (first > 0 ? 0 : 1)}`,
      members: order.slice(from, from + step),
    });
  return waves.filter(({ members }) => members.length > 0);
}

/** A share of the fleet is rounded down, so that it is never more than was said. */
function sizeOf(share: Share, of: number, least: number): number {
  return Math.max(least, 'count' in share ? share.count : Math.floor((of * share.percent) / 100));
}

/**
 * No zone moves as a whole: one without healthy targets leaves the balancer's DNS. Where that lets nobody
 * move, the fleet is too small for it, and one moves alone.
 */
function choose({ instances }: Observed, moving: Instance[], candidates: Instance[]): Instance[] {
  const chosen: Instance[] = [];
  for (const candidate of candidates) {
    const healthy = instances.filter(
      (it) => it.zone === candidate.zone && it.lifecycle === 'InService' && isHealthy(it),
    );
    const staying = healthy.filter((it) => it !== candidate && !moving.includes(it) && !chosen.includes(it));
    if (staying.length > 0 || healthy.length === 0) chosen.push(candidate);
  }
  return chosen.length === 0 && moving.length === 0 ? candidates.slice(0, 1) : chosen;
}

/** After the canary and after each wave, counted from when the last of its hosts was proven, by its own clock. */
function soak({ now, timing }: Observed, done: Instance[], soakSeconds: number): Wait | null {
  if (soakSeconds === 0 || done.length === 0) return null;
  const since = Math.max(...done.map(provenSince));
  // The host says whole seconds, rounded down.
  const left = since + (soakSeconds + 1) * 1000 - now;
  if (left <= 0) return null;
  const reason = `soaking, ${Math.ceil(left / 1000)} s left`;
  return { step: 'wait', instance: null, on: 'state', pollMs: Math.min(left, timing.retryMs), reason };
}

/** When this host was first proven on what it runs, epoch milliseconds. */
export function provenSince({ host }: Instance): number {
  if (host.kind !== 'reported') return 0;
  return host.report.provenSince === undefined ? host.at : host.report.provenSince * 1000;
}

function awayFor({ timing }: Observed, { id }: Instance): Wait {
  const reason = `waiting for ${id}, whose agent is offline`;
  return { step: 'wait', instance: null, on: 'agents', pollMs: timing.retryMs, reason };
}

function isReachable({ agentOnline, host }: Instance): boolean {
  return agentOnline && host.kind !== 'unreachable';
}
