import type { Status } from '../decisions/model.ts';
import { decideFleet } from '../decisions/rollout.ts';
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
  /** What makes the target group unfit to register with. */
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
  const serving = instances.filter(({ lifecycle }) => lifecycle === 'InService');
  const problems = observed.targetGroup?.problems ?? ['the target group does not exist'];
  const wellServed = serving.every(({ target, running }) => target === 'healthy' && running === live?.sha256);
  const settled = status?.live !== undefined && status.rollout === undefined && status.rejected === undefined;
  return {
    fleet: where.fleet,
    well: settled && wellServed && mistakes.length === 0 && problems.length === 0,
    says: decideFleet(observed).says,
    live: status?.live ?? null,
    rejected: status?.rejected ?? null,
    rollout: status?.rollout ?? null,
    mistakes,
    problems,
    instances,
  };
}
