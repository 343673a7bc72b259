import { decide } from '../../shared/decisions/decide.ts';
import type { Instance, Observed, Status } from '../../shared/decisions/model.ts';
import type { Config } from '../../shared/fleet/settings.ts';
import { config, desiredOf, edited, evidence, good, instance, now, rollingOut } from './worlds.ts';

/** `edited` with another policy: the policy is no part of a config, so it is the same config. */
export const policy = (text: string) =>
  desiredOf(config('172.31.0.0/24,172.31.9.0/24', { rollout: text }), now - 60_000);

/** `{ a: 2, c: 1 }` → a1 and a2 in one zone, c1 in another, all healthy. */
export function fleetOf(zones: Record<string, number>, change: Partial<Instance> = {}): Instance[] {
  return Object.entries(zones).flatMap(([zone, count]) =>
    Array.from({ length: count }, (_, at) =>
      instance(`${zone}${at + 1}`, { zone: `ap-northeast-1${zone}`, ...change }),
    ),
  );
}

export interface Course {
  policy: string;
  /** How long an apply takes on this instance, milliseconds. */
  takesMs?: (id: string) => number;
  /** How long its target is unhealthy after the apply, milliseconds. */
  dipMs?: (id: string) => number;
  /** At these rounds another run takes over, which knows nothing of the hosts. */
  restarts?: Set<number>;
  /** What happens to the group under the rollout, by round. */
  joins?: Map<number, Instance>;
  leaves?: Map<number, string>;
}

export interface Rollout {
  /** Who began to move together. */
  moves: string[][];
  /** Whose Squid is being changed or whose target is not healthy again, at each round. */
  away: Set<string>[];
  /** Who is there, at each round and at the end. */
  present: Instance[][];
  /** The status that ended it, null when it did not end. */
  ended: Status | null;
  /** Milliseconds from the first look to the end. */
  tookMs: number;
}

interface Machine {
  running: Config;
  provenAt: number;
  busyUntil: number | null;
  dipUntil: number;
}

const roundMs = 1_000;

/** A rollout from `good` to `edited` to its end, with hosts that do what they are told, on a clock of its own. */
export function simulate(fleet: Instance[], course: Course, status: Partial<Status> = {}): Rollout {
  const machines = new Map<string, Machine>();
  let members = fleet;
  const machineOf = (id: string): Machine => {
    const fresh = { running: good, provenAt: now - 3_600_000, busyUntil: null, dipUntil: 0 };
    const machine = machines.get(id) ?? fresh;
    machines.set(id, machine);
    return machine;
  };
  const desired = policy(course.policy);
  const result: Rollout = { moves: [], away: [], present: [], ended: null, tookMs: 0 };
  for (let round = 0; round < 2_000; round++) {
    const at = now + round * roundMs;
    members = regroup(members, round, course);
    members = members.map((it) => settle(it, machineOf(it.id), at, course.dipMs?.(it.id) ?? 0));
    result.present.push(members);
    const observed = rollingOut(members, { now: at, desired }, status);
    const steps = decide(observed);
    const written = steps.find((it) => it.step === 'write-status');
    if (written?.step === 'write-status')
      return { ...result, ended: written.status, tookMs: round * roundMs };
    const moving: string[] = [];
    for (const step of steps) {
      const who = members.find(({ id }) => id === step.instance);
      if (who === undefined || (step.step !== 'apply' && step.step !== 'ask')) continue;
      const sha256 = step.step === 'apply' ? step.config.sha256 : null;
      who.host = { kind: 'asked', mode: step.step === 'apply' ? 'apply' : 'check', since: at, sha256 };
      const machine = machineOf(who.id);
      // Applying a second time what is under way already changes nothing.
      if (step.step !== 'apply' || machine.busyUntil !== null || machine.running === step.config) continue;
      machine.busyUntil = at + (course.takesMs?.(who.id) ?? roundMs);
      moving.push(who.id);
    }
    if (moving.length > 0) result.moves.push(moving);
    result.away.push(new Set(members.filter(({ id }) => isAway(machineOf(id), at)).map(({ id }) => id)));
  }
  return result;
}

function regroup(members: Instance[], round: number, { restarts, joins, leaves }: Course): Instance[] {
  const joined = joins?.get(round);
  const left = members.filter(({ id }) => id !== leaves?.get(round));
  const all = joined === undefined ? left : [...left, joined];
  return restarts?.has(round) ? all.map((it) => ({ ...it, host: { kind: 'unknown' } })) : all;
}

/** The instance as it is observed now, once its machine has got so far. */
function settle(it: Instance, machine: Machine, at: number, dipMs: number): Instance {
  if (machine.busyUntil !== null && machine.busyUntil <= at) {
    Object.assign(machine, { running: edited, provenAt: at, busyUntil: null, dipUntil: at + dipMs });
  }
  const target = it.target && { ...it.target, state: machine.dipUntil > at ? 'unhealthy' : 'healthy' };
  if (it.host.kind !== 'asked' || (machine.busyUntil !== null && it.host.mode === 'apply'))
    return { ...it, target };
  const { mode, sha256 } = it.host;
  const provenSince = Math.floor(machine.provenAt / 1000);
  const report = evidence({ mode, running: machine.running.sha256, provenSince });
  return { ...it, target, host: { kind: 'reported', report, at, sha256 } };
}

const isAway = ({ busyUntil, dipUntil }: Machine, at: number): boolean => busyUntil !== null || dipUntil > at;

/** Who is given the new config by this look. */
export function movers(observed: Observed): string[] {
  return decide(observed).flatMap((step) =>
    step.step === 'apply' && step.config.sha256 === edited.sha256 ? [step.instance] : [],
  );
}
