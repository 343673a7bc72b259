import { decide } from '../../shared/decisions/decide.ts';
import type {
  Desired,
  Evidence,
  HostKnowledge,
  Instance,
  Observed,
  Scope,
  Status,
} from '../../shared/decisions/model.ts';
import { readSettings } from '../../shared/fleet/parameters.ts';
import type { Config } from '../../shared/fleet/settings.ts';
import { renderConfig } from '../../shared/fleet/squid-conf.ts';

/** Worlds to decide upon, written by hand: each test changes what it is about and nothing else. */

export const now = Date.parse('2026-11-24T09:00:00Z');
export const arn =
  'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/demo/0123456789abcdef';

export function config(cidrs: string, more: Record<string, string> = {}): Config {
  const values = { 'target-group-arn': arn, 'allowed-cidrs': cidrs, ...more };
  const read = readSettings(
    Object.entries(values).map(([name, value]) => ({ name, value, version: 1, modifiedAt: now - 60_000 })),
  );
  if ('mistakes' in read) throw new Error(read.mistakes.map(({ problem }) => problem).join('; '));
  return renderConfig(read.settings);
}

export const good = config('172.31.0.0/24');
export const edited = config('172.31.0.0/24,172.31.9.0/24');

export function evidence(change: Partial<Evidence> = {}): Evidence {
  return {
    mode: 'check',
    outcome: 'proven',
    phase: 'done',
    reason: '',
    running: good.sha256,
    ...change,
  };
}

/** What this run was told by a host that runs `of`. */
export function runs(of: Config, applied = true): HostKnowledge {
  const report = evidence({ mode: applied ? 'apply' : 'check', running: of.sha256 });
  return { kind: 'reported', report, at: now - 100, sha256: applied ? of.sha256 : null };
}

export function failed(of: Config, change: Partial<Evidence>, at = now - 100): HostKnowledge {
  const report = evidence({
    mode: 'apply',
    outcome: 'rejected',
    phase: 'parse',
    reason: 'bad',
    running: null,
    ...change,
  });
  return { kind: 'reported', report, at, sha256: of.sha256 };
}

export function instance(id: string, change: Partial<Instance> = {}): Instance {
  return {
    id,
    group: 'demo',
    zone: 'ap-northeast-1a',
    lifecycle: 'InService',
    agentOnline: true,
    agentSeenAt: now - 60_000,
    target: { state: 'healthy', reason: '', port: 3128 },
    host: { kind: 'unknown' },
    hook: null,
    startedAt: null,
    heartbeatAt: null,
    registeredAt: null,
    ...change,
  };
}

export function comingIn(id: string, change: Partial<Instance> = {}): Instance {
  return instance(id, {
    lifecycle: 'Pending:Wait',
    target: null,
    hook: { name: 'shoal-launch', heartbeatMs: 600_000 },
    startedAt: now - 5_000,
    heartbeatAt: now - 5_000,
    ...change,
  });
}

export function goingOut(id: string, change: Partial<Instance> = {}): Instance {
  return comingIn(id, {
    lifecycle: 'Terminating:Wait',
    hook: { name: 'shoal-terminate', heartbeatMs: 300_000 },
    ...change,
  });
}

export const fleetScope: Scope = { kind: 'fleet', askAll: false, request: null, leaveYoung: false };

export const onLive: Status = { epoch: 1, live: { sha256: good.sha256, since: now - 3_600_000 } };

/** A settled fleet: desired is live, one day old, and version 3 of `status` says so. */
export function world(instances: Instance[], change: Partial<Observed> = {}): Observed {
  return {
    now,
    fleet: 'demo',
    scope: fleetScope,
    timing: {
      debounceMs: 3_000,
      lagMs: 120_000,
      pollMs: 10_000,
      retryMs: 15_000,
      sweepMs: 60_000,
      agentBudgetMs: 600_000,
      healthyBudgetMs: 900_000,
      launchBudgetMs: 2_400_000,
      outOfReachMs: 600_000,
      stormInstances: 3,
      commandInstances: 50,
    },
    build: 1_000,
    instances,
    strays: [],
    healthyElsewhere: 0,
    desired: { kind: 'config', config: good, editedAt: now - 86_400_000 },
    state: { status: onLive, version: 3, live: good, rollout: null },
    targetGroup: { arn, deregistrationDelayMs: 300_000, problems: [], unused: false },
    groupProblems: [],
    ...change,
  };
}

/** The same fleet in the middle of a rollout from `good` to `edited`. */
export function rollingOut(
  instances: Instance[],
  change: Partial<Observed> = {},
  status: Partial<Status> = {},
): Observed {
  const rollout = { sha256: edited.sha256, forced: false, startedAt: now, unhealthyBefore: [], build: 1_000 };
  return world(instances, {
    desired: { kind: 'config', config: edited, editedAt: now - 60_000 },
    state: { status: { ...onLive, rollout, ...status }, version: 4, live: good, rollout: edited },
    ...change,
  });
}

/** A rejection of `edited` by i-1. */
export const rejected = {
  sha256: edited.sha256,
  settings: edited.settingsHash,
  instance: 'i-1',
  reason: 'x',
  at: now,
};

/** What the parameters render to, and when they were edited. */
export const desiredOf = (of = edited, editedAt = now - 60_000): Desired => ({
  kind: 'config',
  config: of,
  editedAt,
});

/** The whole fleet, but for what somebody asks for by hand. */
export const whole = { kind: 'fleet', askAll: false, leaveYoung: false } as const;

/** The status that would be written, null when there is none to write. */
export function written(observed: Observed): Status | null {
  const step = decide(observed).find((it) => it.step === 'write-status');
  return step?.step === 'write-status' ? step.status : null;
}
