import type { Config, Mistake } from '../fleet/settings.ts';

/**
 * What `decide` looks at and what it answers. Plain data, no SDK types: a test writes an Observed by hand
 * and states the steps it expects.
 */

/** Ordered by epoch, then version of `status`, then rank: 1 for a rollout's config, 0 for live. */
export interface Intent {
  epoch: number;
  version: number;
  rank: 0 | 1;
}

/** `/shoal-state/<fleet>/status`. Times are epoch milliseconds. */
export interface Status {
  epoch: number;
  /** Last proved good on every reachable instance in service. */
  live?: { sha256: string; since: number };
  /** Holds as long as desired has those settings. `settings` is their hash. */
  rejected?: { sha256: string; settings: string; instance: string; reason: string; at: number };
  /** Under way; a reversal while its sha256 is the rejected one. */
  rollout?: { sha256: string; forced: boolean; startedAt: number; unhealthyBefore: string[]; build: number };
}

/** What the host script reported, as far as decisions depend on it. */
export interface Evidence {
  mode: 'apply' | 'check' | 'connections';
  outcome: 'proven' | 'rejected' | 'restored' | 'failed' | 'unable' | 'busy' | 'superseded' | 'unproven';
  phase: string;
  reason: string;
  running: string | null;
  /** The last intent that the host accepted, `epoch.version.rank`. */
  intent?: string | null | undefined;
  probe?: 'ok' | 'failed' | 'none' | undefined;
  /** Since when it is proven on what it was proven on last. Epoch seconds, by the host's clock. */
  provenSince?: number | undefined;
  /** `kept` where the kernel could not close the connections of clients that are not allowed any more. */
  tunnels?: 'closed' | 'kept' | undefined;
  /** Addresses of clients that are connected; the first of them where there are many. */
  clients?: string[] | undefined;
  clientsTotal?: number | undefined;
  /** Where its file is not the one that was proven there last: the first lines that differ, base64. */
  differs?: string | undefined;
  connections?: number | undefined;
  /** Epoch seconds, by the host's clock. */
  drainingSince?: number | undefined;
}

/** What this run knows of a host. A new run knows nothing and asks: that is cheap and idempotent. */
export type HostKnowledge =
  | { kind: 'unknown' }
  | { kind: 'asked'; mode: Evidence['mode']; since: number; sha256: string | null }
  | {
      kind: 'reported';
      report: Evidence;
      at: number /** What was to be applied, null for a question. */;
      sha256: string | null;
    }
  | {
      kind: 'unreachable';
      reason: string;
      at: number;
      /** Since when this run's commands to it have been refused, one after another. */
      since?: number /** Its command was refused, since the document that is deployed is another build's. */;
      upgrading?: true;
    };

export interface Instance {
  id: string;
  group: string;
  zone: string;
  /** As Auto Scaling names it: `Pending:Wait`, `InService`, … */
  lifecycle: string;
  agentOnline: boolean;
  /** When its agent was last heard of, null when never. */
  agentSeenAt: number | null;
  target: { state: string; reason: string; port: number } | null;
  host: HostKnowledge;
  /** The hook it waits in, null when it waits in none of the fleet's. */
  hook: { name: string; heartbeatMs: number } | null;
  /** The fleet's own hook has ended, and another still holds it. */
  isOver?: boolean;
  /** Start of the launch or termination, from the event or the scaling activity. */
  startedAt: number | null;
  /** Commands had been sent to it minutes ago too: what fails now is no first try. Known where it may be given up. */
  isTried?: boolean;
  /** When this run last sent a heartbeat, or the event came in. */
  heartbeatAt: number | null;
  /** When this run registered it. */
  registeredAt: number | null;
}

/** A target that no group of the fleet knows. */
export interface Stray {
  id: string;
  target: NonNullable<Instance['target']>;
  /** How often this run has found it so, the groups read after the targets each time. */
  looks: number;
}

export type Desired = {
  /** The newest edit, epoch milliseconds. */
  editedAt: number;
  /** The parameter that it changed; null when it was a deletion, or may be one. */
  edited?: string | null;
} & ({ kind: 'config'; config: Config } | { kind: 'mistakes'; mistakes: Mistake[] });

export interface TargetGroupFacts {
  arn: string;
  deregistrationDelayMs: number;
  /** Whatever makes it unfit to register with, in words; empty when it is fit. */
  problems: string[];
  /** No listener forwards to it. */
  unused: boolean;
}

/** What a person has to mend: the thing by name, and in words what is wrong and how to put it right. */
export interface Problem {
  thing:
    | 'agents'
    | 'document'
    | 'drift'
    | 'instance tags'
    | 'lifecycle hooks'
    | 'listener'
    | 'probe'
    | 'sick hosts'
    | 'suspended processes'
    | 'target group'
    | 'targets';
  reason: string;
}

export interface Timing {
  debounceMs: number;
  lagMs: number;
  pollMs: number;
  retryMs: number;
  sweepMs: number;
  agentBudgetMs: number;
  healthyBudgetMs: number;
  launchBudgetMs: number;
  /** A host that can't be reached for so long holds no rollout up. */
  outOfReachMs: number;
  stormInstances: number;
  /** What one command reaches. */
  commandInstances: number;
}

/** Where an event says to look. */
export type Scope =
  | {
      kind: 'instance';
      instance: string;
      /** What its event tells of: a launch's event is nobody's word on a termination. */
      transition: 'launch' | 'terminate';
    }
  | {
      kind: 'fleet';
      /** Ask every host, whatever AWS says of it. */
      askAll: boolean;
      /** Asked for by hand, and when. */
      request:
        | { mode: 'apply'; force: boolean; at: number }
        | { mode: 'rollback'; to: Config; at: number }
        | null;
      /** What began a moment ago, an edit or an instance's coming or going, is left to its own event's handler. */
      leaveYoung: boolean;
      /** The parameter whose change the event tells of. */
      edited?: string;
      /** EC2 has just warned that it takes this instance back. */
      interrupted?: string;
    };

export interface Observed {
  now: number;
  fleet: string;
  scope: Scope;
  timing: Timing;
  /** When the running code was built, epoch seconds. */
  build: number;
  instances: Instance[];
  /** Known only to a run that looks at the whole fleet. */
  strays: Stray[];
  /** Healthy targets that are in none of the groups that this run has read: an event's reads its own alone. */
  healthyElsewhere: number;
  desired: Desired;
  state: {
    status: Status | null;
    /** Version of the parameter `status`; 0 when there is none. */
    version: number;
    live: Config | null;
    rollout: Config | null;
    /** Another run's, of a rollout; good until then, epoch milliseconds. */
    lease?: { sha256: string; until: number } | null;
    /** Without a status: what most hosts are proven on, where it is still stored. */
    found?: Config | null;
  };
  targetGroup: TargetGroupFacts | null;
  /** What is wrong with the fleet's Auto Scaling groups. */
  groupProblems: Problem[];
}

/** What a wait waits for: it names what has to be read again. */
export type Source = 'groups' | 'parameters' | 'state' | 'targets' | 'agents' | 'commands';

export interface Wait {
  step: 'wait';
  instance: string | null;
  on: Source;
  /** Look again after this time. */
  pollMs: number;
  /** A launch that is kept waiting, since a new machine would not cure what is wrong. */
  held?: true;
  reason: string;
}

export type Act =
  | { step: 'store-config'; instance: null; config: Config; reason: string }
  | { step: 'write-status'; instance: null; status: Status; reason: string }
  | { step: 'apply'; instance: string; config: Config; intent: Intent; reason: string }
  | { step: 'ask'; instance: string; mode: 'check' | 'connections'; reason: string }
  | { step: 'register'; instance: string; reason: string }
  | { step: 'deregister'; instance: string; reason: string }
  | { step: 'heartbeat'; instance: string; group: string; hook: string; reason: string }
  | {
      step: 'complete';
      instance: string;
      group: string;
      hook: string;
      result: 'CONTINUE' | 'ABANDON';
      /** Of an ABANDON, what a new machine could cure. */
      cause?: 'agent' | 'file' | 'spot' | 'start' | 'target' | 'time';
      reason: string;
    };

/** Nothing to do here, and why. */
export interface Rest {
  step: 'nothing';
  instance: string | null;
  reason: string;
}

/** Nothing that the operator does: a person has to. */
export interface Report extends Problem {
  step: 'report';
  instance: string | null;
}

export type Step = Act | Wait | Rest | Report;

/** The configuration an instance should have, and whether it may move there now. */
export interface Goal {
  config: Config;
  intent: Intent;
  may: boolean;
  reason: string;
}

/** The configuration that says where the fleet listens and registers; with broken parameters, live's. */
export function inForce({ state, desired }: Pick<Observed, 'state' | 'desired'>): Config | null {
  return state.live ?? state.rollout ?? (desired.kind === 'config' ? desired.config : null);
}

export function isAct(step: Step): step is Act {
  return !['wait', 'nothing', 'report'].includes(step.step);
}
