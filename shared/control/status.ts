import type { Status } from '../decisions/model.ts';
import { problemsOf } from '../decisions/problems.ts';
import { allWell, decideFleet } from '../decisions/rollout.ts';
import type { Mistake } from '../fleet/settings.ts';
import type { Engine } from './engine.ts';
import type { Where } from './observe.ts';
import { askAll } from './plan.ts';

export interface FleetReport {
  fleet: string;
  /** Desired is live, every instance in service runs it, and every one is healthy. */
  well: boolean;
  says: string;
  live: Status['live'] | null;
  rejected: Status['rejected'] | null;
  rollout: Status['rollout'] | null;
  mistakes: Mistake[];
  /** What a person has to mend, each with its fix. */
  problems: string[];
  instances: {
    instance: string;
    zone: string;
    lifecycle: string;
    target: string;
    /** What every worker of its Squid answers with. */
    running: string | null;
    host: string;
  }[];
}

/** `observe` in words. */
export async function fleetReport(engine: Engine, where: Where): Promise<FleetReport> {
  const observed = await askAll(engine, where);
  const { status, live } = observed.state;
  const mistakes = observed.desired.kind === 'mistakes' ? observed.desired.mistakes : [];
  const instances = observed.instances.map(({ id, zone, lifecycle, target, host }) => ({
    instance: id,
    zone,
    lifecycle,
    target: target?.state ?? 'not registered',
    running: host.kind === 'reported' ? host.report.running : null,
    host: host.kind === 'reported' ? `${host.report.outcome} ${host.report.reason}`.trim() : host.kind,
  }));
  const problems = problemsOf(observed).map(({ reason }) => reason);
  const { says } = decideFleet(observed);
  const ailing = instances.filter(
    ({ lifecycle, target, running }) =>
      lifecycle === 'InService' && (target !== 'healthy' || running !== live?.sha256),
  );
  const trouble = [
    ...problems,
    ...ailing.map(({ instance, target, host }) => `${instance}: target ${target}, host ${host}`),
  ];
  return {
    fleet: where.fleet,
    well: says === allWell && trouble.length === 0,
    says: [says === allWell && trouble.length > 0 ? 'live, but not well' : says, ...trouble].join('; '),
    live: status?.live ?? null,
    rejected: status?.rejected ?? null,
    rollout: status?.rollout ?? null,
    mistakes,
    problems,
    instances,
  };
}
