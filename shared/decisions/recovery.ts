import type { Config } from '../fleet/settings.ts';
import type { Instance, Observed, Status } from './model.ts';

/** What a fleet without a status but with instances in service can go on from. */
export type Found =
  | { kind: 'ask'; says: string }
  | { kind: 'wait'; says: string }
  | { kind: 'live'; config: Config; says: string };

/**
 * Instances in service and no status: it was lost, or the fleet is new to Shoal. The hosts say which. Null when
 * none of them runs a config of ours, so that nothing was lost.
 */
export function rebuild({ instances, desired, state }: Observed): Found | null {
  const members = instances.filter(({ lifecycle }) => lifecycle === 'InService');
  if (members.length === 0) return null;
  const reachable = members.filter(({ agentOnline }) => agentOnline);
  if (reachable.length === 0)
    return { kind: 'wait', says: 'there is no state, and no agent in service is online to say what runs' };
  if (reachable.some(({ host }) => host.kind === 'unknown' || host.kind === 'asked'))
    return { kind: 'ask', says: 'there is no state: the hosts are asked what they run' };
  const sha256 = mostProven(members);
  if (sha256 === null) return null;
  const known = [desired.kind === 'config' ? desired.config : null, state.found];
  const config = known.find((it) => it?.sha256 === sha256);
  const runs = `most hosts run ${sha256.slice(0, 12)}`;
  if (config) return { kind: 'live', config, says: `the state was lost, and ${runs}` };
  const says = `the state was lost: ${runs}, which is not stored; an apply by hand rolls the parameters out`;
  return { kind: 'wait', says };
}

/** The config that most hosts in service answer with, null when none does. */
export function mostProven(instances: Instance[]): string | null {
  const counts = new Map<string, number>();
  for (const { host, lifecycle } of instances) {
    const running = lifecycle === 'InService' && host.kind === 'reported' ? host.report.running : null;
    if (running !== null) counts.set(running, (counts.get(running) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return most?.[0] ?? null;
}

/**
 * A state that was put back by hand may be older than what hosts have accepted: they would refuse its intents. An
 * epoch is a time that has been, so a host that claims a later one is no witness.
 */
export function runsAhead({ scope, instances, state, now }: Observed, { epoch }: Status): boolean {
  if (scope.kind !== 'fleet') return false;
  return instances.some(({ host }) => {
    const intent = host.kind === 'reported' ? host.report.intent : null;
    if (!intent) return false;
    const [itsEpoch = 0, itsVersion = 0] = intent.split('.').map(Number);
    if (itsEpoch > now) return false;
    return itsEpoch > epoch || (itsEpoch === epoch && itsVersion > state.version);
  });
}
