import { decide } from '../decisions/decide.ts';
import { allWell } from '../decisions/fleet.ts';
import type { Instance, Observed, Status, Step } from '../decisions/model.ts';
import { problemsOf } from '../decisions/problems.ts';
import { decideFleet } from '../decisions/rollout.ts';
import { type Wave, wavesOf } from '../decisions/waves.ts';
import { networksContain } from '../fleet/cidr.ts';
import type { Mistake } from '../fleet/settings.ts';
import type { Engine } from './engine.ts';
import type { Where } from './observe.ts';
import { askAll } from './plan.ts';
import { shownMax, statusText } from './status-text.ts';

export interface InstanceReport {
  instance: string;
  zone: string;
  lifecycle: string;
  target: string;
  /** What every worker of its Squid answers with; null when none does, or it was not asked. */
  running: string | null;
  /** The first 12 digits of `running`. */
  config: string | null;
  /**
   * Seconds since it was launched, or began to leave; null where Auto Scaling has forgotten (six weeks), and in a
   * fleet of more than 50.
   */
  age: number | null;
  /** `kept` when connections of clients that are not allowed any more could not be closed there. */
  tunnels: 'kept' | null;
  host: string;
  /** What is not as it should be with one in service, in words. */
  trouble: string | null;
  /** Of one that waits in a lifecycle hook: what is done with it now, and why. */
  next: string | null;
}

export interface FleetReport {
  fleet: string;
  /** Desired is live, every instance in service runs it, and every one is healthy. */
  well: boolean;
  /** The same of what is live, whatever the parameters ask for: so also after a way back by hand. */
  serving: boolean;
  says: string;
  /** Since when all is well, epoch milliseconds: when live was proven. Null when something is not. */
  since: number | null;
  live: NonNullable<Status['live']> | null;
  rejected: NonNullable<Status['rejected']> | null;
  rollout: NonNullable<Status['rollout']> | null;
  /** Of the rollout under way; empty when there is none, and while it is being reversed. */
  waves: Wave[];
  mistakes: Mistake[];
  /** What a person has to mend, each with its fix. */
  problems: string[];
  instances: InstanceReport[];
  /** All of this for people: at most 80 columns, and a summary for more than 50 instances. */
  text: string;
}

/** `observe` in words. */
export async function fleetReport(engine: Engine, where: Where): Promise<FleetReport> {
  const observed = await askAll(engine, where);
  const ages = await agesOf(engine, observed);
  const { status } = observed.state;
  // A heartbeat that is due would hide what it is sent for.
  const rested = observed.instances.map((it) => ({ ...it, heartbeatAt: observed.now }));
  const steps = decide({ ...observed, instances: rested });
  const instances = observed.instances.map((it) => reportOf(observed, it, ages.get(it.id) ?? null, steps));
  const problems = problemsOf(observed).map(({ reason }) => reason);
  const { says } = decideFleet(observed);
  const ailing = instances.flatMap(({ instance, trouble }) =>
    trouble === null ? [] : [`${instance}: ${trouble}`],
  );
  const wrong = [...problems, ...ailing];
  const well = says === allWell && wrong.length === 0;
  const report = {
    fleet: where.fleet,
    well,
    serving: status?.live !== undefined && status.rollout === undefined && wrong.length === 0,
    says: [says === allWell && !well ? 'live, but not well' : says, ...wrong].join('; '),
    since: well ? (status?.live?.since ?? null) : null,
    live: status?.live ?? null,
    rejected: status?.rejected ?? null,
    rollout: status?.rollout ?? null,
    waves: wavesOf(observed),
    mistakes: observed.desired.kind === 'mistakes' ? observed.desired.mistakes : [],
    problems,
    instances,
  };
  return { ...report, text: statusText(report, says, engine.prefix) };
}

function reportOf(observed: Observed, instance: Instance, age: number | null, steps: Step[]): InstanceReport {
  const { id, zone, lifecycle, target, host } = instance;
  const running = host.kind === 'reported' ? host.report.running : null;
  return {
    instance: id,
    zone,
    lifecycle,
    target: target?.state ?? 'not registered',
    running,
    config: running?.slice(0, 12) ?? null,
    age,
    tunnels: keepsTunnels(observed, instance) ? 'kept' : null,
    host: host.kind === 'reported' ? `${host.report.outcome} ${host.report.reason}`.trim() : host.kind,
    trouble: troubleOf(observed, instance, running),
    next: lifecycle.endsWith(':Wait') ? nextOf(steps.find((step) => step.instance === id)) : null,
  };
}

/** A client that what it runs doesn't allow is connected still: `on-revoke` is `keep`, or the kernel closes nothing. */
function keepsTunnels({ state }: Observed, { host }: Instance): boolean {
  if (host.kind !== 'reported') return false;
  const { running, tunnels, clients = [] } = host.report;
  const { live } = state;
  if (live === null || running !== live.sha256) return tunnels === 'kept';
  return clients.some((client) => !networksContain(live.settings.allowedCidrs, client));
}

function nextOf(step: Step | undefined): string | null {
  if (step === undefined) return null;
  return step.step === 'wait' || step.step === 'nothing' ? step.reason : `${step.step}: ${step.reason}`;
}

/** One in service is healthy and runs what is live, or what is being rolled out. */
function troubleOf({ state }: Observed, instance: Instance, running: string | null): string | null {
  const { lifecycle, target, agentOnline, host } = instance;
  const { live, rollout, rejected } = state.status ?? {};
  if (lifecycle !== 'InService') return null;
  const trouble: string[] = [];
  if (target === null) trouble.push('not registered');
  else if (target.state !== 'healthy')
    trouble.push(`target ${target.state}${target.reason === '' ? '' : ` (${target.reason})`}`);
  const right = [live?.sha256, rollout?.sha256 === rejected?.sha256 ? undefined : rollout?.sha256];
  if (!agentOnline) trouble.push('agent offline');
  else if (host.kind === 'unreachable') trouble.push(`cannot be reached: ${host.reason}`);
  else if (host.kind !== 'reported') trouble.push('its host has not answered');
  else if (host.report.reason !== '') trouble.push(host.report.reason);
  else if (running === null) trouble.push('runs nothing');
  else if (!right.includes(running)) trouble.push('runs neither live nor what is being rolled out');
  return trouble.length === 0 ? null : trouble.join('; ');
}

/** Seconds since the newest scaling activity of each; not read where nobody would look at so many. */
async function agesOf({ aws }: Engine, { instances, now }: Observed): Promise<Map<string, number>> {
  if (instances.length > shownMax) return new Map();
  const groups = Map.groupBy(instances, ({ group }) => group);
  const starts = await Promise.all(
    [...groups].map(([group, members]) =>
      aws.groups.activityStarts(
        group,
        members.map(({ id }) => id),
      ),
    ),
  );
  return new Map(starts.flatMap((it) => [...it]).map(([id, at]) => [id, Math.round((now - at) / 1000)]));
}
