import type { Config } from '../fleet/settings.ts';
import type { Goal, Instance, Observed, Status, Step } from './model.ts';

/** What the fleet as a whole should do, before any single instance is looked at. */
export interface FleetDecision {
  /** To be written, in this order, before anything else happens. */
  writes: Step[];
  waits: Step[];
  /** Every host in service has to be asked what it runs. */
  ask: boolean;
  /** What an instance that comes in should run; null when there is nothing to give it. */
  launch: Goal | null;
  /** What an instance in service should run; null when it is left alone. */
  goal(instance: Instance): Goal | null;
  /** Why what the parameters ask for is not taken up; empty when it is, or when they ask for nothing new. */
  refused: string[];
  /** The fleet's state in one line, for people. */
  says: string;
}

/** Stands where a host would, in the rejection of what somebody took back. */
export const byHand = 'by hand';

/** Every host goes back from what was rejected. */
export function isReversal({ rollout, rejected }: Status): boolean {
  return rollout !== undefined && rollout.sha256 === rejected?.sha256;
}

/** What a fleet says that needs nobody. */
export const allWell = 'all on live';

export function quiet(says: string): FleetDecision {
  return { writes: [], waits: [], ask: false, launch: null, goal: () => null, refused: [], says };
}

export function write(status: Status, reason: string): Step {
  return { step: 'write-status', instance: null, status, reason };
}

export function store(config: Config): Step {
  return { step: 'store-config', instance: null, config, reason: 'stored before anything points at it' };
}

export function liveGoal({ state }: Observed, status: Status, config: Config, reason: string): Goal {
  return { config, intent: { epoch: status.epoch, version: state.version, rank: 0 }, may: true, reason };
}

export function mistakes(list: { parameter: string | null; problem: string }[]): string {
  return list
    .map(({ parameter, problem }) => (parameter === null ? problem : `${parameter}: ${problem}`))
    .join('; ');
}

export function short(sha256: string): string {
  return sha256.slice(0, 12);
}

/** Older code may still run for so long after an upgrade (Lambda's longest run); later it is a downgrade. */
export const longestRunMs = 900_000;
export const newerLeads = 'a newer build of Shoal leads this fleet';
export const anotherBuild =
  "another build's document is deployed: an upgrade is under way, or has stopped half-way";

/** What hosts don't answer then says nothing of them. The next run asks again. */
export function isUpgrading({ instances }: Observed): boolean {
  return instances.some(({ host }) => host.kind === 'unreachable' && host.upgrading === true);
}
