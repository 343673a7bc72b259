import type { Instance, Observed } from './model.ts';

/** Whoever has to be proven: a host that an agent answers for counts, whatever became of a single command. */
export function isReachableMember({ lifecycle, agentOnline }: Instance): boolean {
  return lifecycle === 'InService' && agentOnline;
}

export function isProven({ host }: Instance, sha256: string): boolean {
  return host.kind === 'reported' && host.report.outcome === 'proven' && host.report.running === sha256;
}

/**
 * It has taken a command of the decision that is in force, so it refuses whatever an earlier one still has on its
 * way. One that was found on the right config without having been given it by this decision would take it.
 */
export function follows({ host }: Instance, { state }: Observed): boolean {
  const intent = host.kind === 'reported' ? host.report.intent : undefined;
  if (intent === undefined) return true;
  const [epoch = 0, version = 0] = (intent ?? '').split('.').map(Number);
  const inForce = state.status?.epoch ?? 0;
  return epoch > inForce || (epoch === inForce && version >= state.version);
}

/** It runs the config, and nothing but the probe fails: no repair of the host mends that. */
export function lacksProbeAlone({ host }: Instance, sha256: string): boolean {
  if (host.kind !== 'reported' || host.report.mode !== 'check' || host.report.outcome !== 'unproven')
    return false;
  return host.report.running === sha256 && host.report.probe === 'failed';
}

/** It was given this config, and could not take it. */
export function isFailed({ host }: Instance, sha256: string): boolean {
  return (
    host.kind === 'reported' &&
    host.sha256 === sha256 &&
    ['rejected', 'restored', 'failed', 'unable'].includes(host.report.outcome)
  );
}

export function isHealthy({ target }: Instance): boolean {
  return target?.state === 'healthy';
}

/** What the host said of itself last; empty when it had nothing to complain of. */
export function reasonOf({ host }: Instance): string {
  return host.kind === 'reported' ? host.report.reason : '';
}

/** Healthy at the balancer, and not itself on its way out. */
export function staysHealthy({ lifecycle, target }: Instance): boolean {
  return target?.state === 'healthy' && !/Terminating|RootVolume|Standby|^Warmed|^Detach/.test(lifecycle);
}

/** First of each zone, then second of each zone: the same order in every run. */
export function zonesInTurn(members: Instance[]): Instance[] {
  const seen = new Map<string, number>();
  const byId = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const turns = byId.map((member) => {
    const turn = seen.get(member.zone) ?? 0;
    seen.set(member.zone, turn + 1);
    return { member, turn };
  });
  return turns
    .sort((a, b) => a.turn - b.turn || (a.member.zone < b.member.zone ? -1 : 1))
    .map(({ member }) => member);
}
