import { drifted } from './drift.ts';
import { byHand, isUpgrading } from './fleet.ts';
import { isHealthy, isReachableMember } from './members.ts';
import type { Act, Observed, Problem, Status, Step } from './model.ts';

/** One value of a metric. docs/operations.md has the names and what they are good for. */
export interface Metric {
  name: string;
  unit: 'Count' | 'Seconds';
  value: number;
  dimensions: Record<string, string>;
}

/** When this run first did `step` to the instance, epoch milliseconds. */
type FirstDone = (step: Act['step'], instance: string) => number | undefined;

/** What has just been done. Two runs may complete the same action: both count it. */
export function metricsOfActs(
  { now, fleet, instances, state }: Observed,
  acts: Act[],
  first: FirstDone,
): Metric[] {
  return acts.flatMap((act): Metric[] => {
    if (act.step === 'write-status') return transition(fleet, state.status, act.status);
    const one = instances.find(({ id }) => id === act.instance);
    // Outside a rollout only a host that has drifted is given a file.
    if (act.step === 'apply' && one?.lifecycle === 'InService' && state.status?.rollout === undefined)
      return [count('Drift', 1, { fleet })];
    if (act.step !== 'complete') return [];
    const since = (at: number | null | undefined) => (at ? (now - at) / 1000 : null);
    // A machine on its way back to the warm pool drains too, whatever its state is called.
    if (one && act.hook.endsWith('-terminate'))
      return [count('Drains', 1, { fleet }), ...duration('DrainDuration', since(one.startedAt), { fleet })];
    if (act.result === 'ABANDON')
      return ofFleetAndAll('AdmissionFailures', 1, { fleet, cause: act.cause ?? 'other' });
    if (one?.lifecycle.startsWith('Warmed:')) return [];
    const applied = first('apply', act.instance);
    const registered = first('register', act.instance);
    const phase = (name: string, from: number | null | undefined, to: number | undefined) =>
      duration('PhaseDuration', from && to ? (to - from) / 1000 : null, { fleet, phase: name });
    return [
      count('Admissions', 1, { fleet }),
      ...duration('AdmissionDuration', since(one?.startedAt), { fleet }),
      ...phase('agent', one?.startedAt, applied),
      ...phase('proof', applied, registered),
      ...phase('health', registered, now),
    ];
  });
}

/** How the fleet is: each look at the whole of it says so once, also when there is nothing to say. */
export function metricsOfLook(observed: Observed, steps: Step[]): Metric[] {
  const { fleet, scope, instances, desired, state } = observed;
  if (scope.kind === 'instance') return [];
  const held = steps.filter((step) => step.step === 'wait' && step.held);
  const reports = steps.filter((step) => step.step === 'report');
  const unwell = reports.filter(({ thing }) => ailments.includes(thing));
  const inService = instances.filter(({ lifecycle }) => lifecycle === 'InService');
  // Where some host was not asked this time, nothing is known of drift.
  const isKnown = instances.filter(isReachableMember).every(({ host }) => host.kind !== 'unknown');
  return [
    ...ofFleetAndAll('HeldLaunches', held.length, { fleet }),
    ...ofFleetAndAll('Rejected', state.status?.rejected || desired.kind === 'mistakes' ? 1 : 0, { fleet }),
    ...ofFleetAndAll('UnwellHosts', unwell.length, { fleet }),
    ...(isUpgrading(observed) ? ofFleetAndAll('OtherDocument', 1, { fleet }) : []),
    ...(isKnown ? ofFleetAndAll('Drifted', drifted(observed).length, { fleet }) : []),
    count('InService', inService.length, { fleet }),
    count('HealthyTargets', instances.filter(isHealthy).length, { fleet }),
    ...[...Map.groupBy(reports, ({ thing }) => thing)].map(([problem, list]) =>
      count('Problems', list.length, { fleet, problem }),
    ),
  ];
}

/** What is wrong with a host, and not with the fleet's set-up. */
const ailments: Problem['thing'][] = ['agents', 'sick hosts', 'targets'];

/** A sweep has come to its end, whatever became of single fleets. */
export const metricsOfSweep: Metric[] = [count('Sweeps', 1, {})];

/** What a written status says beyond the one before it. */
function transition(fleet: string, before: Status | null, after: Status): Metric[] {
  const { live, rejected, rollout } = after;
  const taken = rejected !== undefined && rejected.at !== before?.rejected?.at;
  const metrics = [
    rollout && rollout.sha256 !== before?.rollout?.sha256 && count('RolloutsStarted', 1, { fleet }),
    live && live.sha256 !== before?.live?.sha256 && count('RolloutsLive', 1, { fleet }),
    taken && rejected.instance !== byHand && count('RolloutsRejected', 1, { fleet }),
    taken && rejected.instance === byHand && count('RolledBackByHand', 1, { fleet }),
  ];
  return metrics.filter((metric) => typeof metric === 'object');
}

function count(name: string, value: number, dimensions: Record<string, string>): Metric {
  return { name, unit: 'Count', value, dimensions };
}

/** An alarm watches all fleets at once, so its metric has a second series without the fleet. */
function ofFleetAndAll(name: string, value: number, dimensions: Record<string, string>): Metric[] {
  return [count(name, value, dimensions), count(name, value, {})];
}

/** Left out where this run doesn't know when it began: it took the work up half-way. */
function duration(name: string, seconds: number | null, dimensions: Record<string, string>): Metric[] {
  return seconds === null ? [] : [{ name, unit: 'Seconds', value: Math.max(0, seconds), dimensions }];
}
