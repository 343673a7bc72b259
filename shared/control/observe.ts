import { randomUUID } from 'node:crypto';
import type { Agent } from '../aws/commands.ts';
import type { Group } from '../aws/groups.ts';
import type { Target } from '../aws/targets.ts';
import {
  type Evidence,
  type HostKnowledge,
  type Instance,
  inForce,
  type Observed,
  type Scope,
  type Source,
  type Stray,
  type TargetGroupFacts,
} from '../decisions/model.ts';
import { mostProven } from '../decisions/recovery.ts';
import type { Config, Origin } from '../fleet/settings.ts';
import { parseReport } from '../host/report.ts';
import { limits } from '../runtime/limits.ts';
import { storedConfigs } from './configs.ts';
import { desiredReader } from './desired.ts';
import { type Engine, fleetTag, statePath } from './engine.ts';
import { groupProblems, hookOf } from './group-check.ts';
import { type StateStore, stateStore } from './state.ts';
import { preflight } from './target-group.ts';
import { waitingReader } from './waiting.ts';

/** Where a run looks, and what its event already says. */
export interface Where {
  fleet: string;
  scope: Scope;
  /** An event of one instance reads its own group alone. */
  group: Group | null;
  /** When the event's instance began to come or go, epoch milliseconds. */
  startedAt: number | null;
  /** When a parameter was deleted: it can't be read any more, but is an edit like others. */
  deletedAt: number | null;
  /** Edits to be looked at as if they had been made; an empty value stands for a deletion. */
  set?: Record<string, string>;
}

/** The host's side of a run's knowledge, with the command that has been sent. */
export type Known = HostKnowledge & { commandId?: string };

/** What one run remembers between its looks; the next run starts without it. */
export interface Memory {
  hosts: Map<string, Known>;
  heartbeats: Map<string, number>;
  registered: Map<string, number>;
  /** The hook whose action was over when it was completed: what holds the instance is somebody else's. */
  over: Map<string, string>;
  /** Targets that no group of the fleet knows, and how often they were found so. */
  strays: Map<string, number>;
  /** Until when this run holds the lease of the rollout under way; 0 when it doesn't. */
  leasedUntil: number;
  /** Version of `status` that this run has read or written last. */
  statusVersion: number;
}

export interface Observer {
  memory: Memory;
  state: StateStore;
  /** What desired was made of. */
  origin(): Origin;
  /** Reads what is stale and what has never been read; everything else is as it was at the last look. */
  observe(stale: Iterable<Source>): Promise<Observed>;
  /** By which this run is known as the holder of a lease. */
  holder: string;
  /** When the source was last read, epoch milliseconds. */
  readAt(source: Source): number;
}

export function observer(engine: Engine, where: Where): Observer {
  const { aws, clock, prefix, timing } = engine;
  const { fleet, scope } = where;
  const memory: Memory = {
    hosts: new Map(),
    heartbeats: new Map(),
    over: new Map(),
    registered: new Map(),
    strays: new Map(),
    leasedUntil: 0,
    statusVersion: 0,
  };
  const holder = randomUUID();
  const state = stateStore(aws.parameters, statePath(prefix, fleet));
  const readAt = new Map<Source, number>();
  const configs = storedConfigs(state);
  const waiting = waitingReader(engine, scope);
  const lifecycles = new Map<string, string>();
  let groups: Group[] = [];
  const parameters = desiredReader(engine, where);
  let stored: Observed['state'] = { status: null, version: 0, live: null, rollout: null };
  let targetGroup: TargetGroupFacts | null = null;
  let targets: Target[] = [];
  let agents = new Map<string, Agent>();

  const reads: Record<Source, () => Promise<void>> = {
    groups: async () => {
      if (where.group !== null && !readAt.has('groups')) groups = [where.group];
      else if (where.group !== null)
        groups = [await aws.groups.named(where.group.name)].filter((it) => it !== null);
      else groups = await aws.groups.ofFleet(fleet);
      for (const { instances } of groups) instances.forEach(noteLifecycle);
      // When every host is asked, the groups themselves are looked at closely too.
      if (scope.kind === 'fleet' && scope.askAll) await Promise.all(groups.map(waiting.readHooks));
      await Promise.all(
        groups.filter(hasWaiting).flatMap((group) => [waiting.readHooks(group), waiting.read(group)]),
      );
    },
    parameters: parameters.read,
    state: async () => {
      const read = await state.status();
      // Somebody else decided in between: what hosts have reported may have been overtaken, so they are asked
      // again.
      if (readAt.has('state') && read.version !== memory.statusVersion)
        for (const [id, { kind }] of memory.hosts) if (kind === 'reported') memory.hosts.delete(id);
      memory.statusVersion = read.version;
      const { lease, ...known } = read;
      stored = { ...known, lease: lease?.holder === holder ? null : lease, live: null, rollout: null };
    },
    targets: async () => {
      const arn = inForce({ state: stored, desired: parameters.desired() })?.settings.targetGroupArn;
      if (arn === undefined) return;
      // Read once a run, and again as long as there is something about it to mend.
      if (targetGroup?.arn !== arn || targetGroup.problems.length > 0) {
        const [group, health] = await Promise.all([
          aws.targets.group(arn),
          aws.targets.health(arn).catch(noTargets),
        ]);
        const attached = groups.flatMap((it) => it.attached);
        targetGroup = group && preflight(group, { fleet, tag: fleetTag(prefix), attached });
        targets = health;
      } else targets = await aws.targets.health(arn);
    },
    agents: async () => {
      const ids = groups.flatMap(({ instances }) => instances.map(({ id }) => id));
      const wanted = scope.kind === 'instance' ? ids.filter((id) => id === scope.instance) : ids;
      agents = wanted.length === 0 ? new Map() : await aws.commands.agents(wanted);
    },
    commands: async () => {
      const pending = [...memory.hosts.values()].flatMap((it) =>
        it.kind === 'asked' ? [it.commandId ?? ''] : [],
      );
      await Promise.all([...new Set(pending)].map(readResults));
    },
  };

  return {
    memory,
    state,
    holder,
    origin: parameters.origin,
    readAt: (source) => readAt.get(source) ?? 0,
    observe: async (stale) => {
      const all: Source[] = ['groups', 'parameters', 'state', 'targets', 'agents', 'commands'];
      const wanted = new Set([...stale, ...all.filter((source) => !readAt.has(source))]);
      const read = async (sources: Source[]) => {
        await Promise.all(
          sources
            .filter((source) => wanted.has(source))
            .map(async (source) => {
              await reads[source]();
              readAt.set(source, clock.now());
            }),
        );
      };
      await read(['groups', 'parameters', 'state', 'commands']);
      stored = { ...stored, ...(await configs.of(stored.status, stored.version, parameters.desired())) };
      if (wanted.has('parameters')) await parameters.doubt([stored.live, stored.rollout]);
      // These need to know the target group and the instances.
      await read(['targets', 'agents']);
      await Promise.all(groups.map((group) => waiting.readTries(group, memory.hosts)));
      if (wanted.has('targets') && scope.kind === 'fleet') await lookForStrays();
      const { build } = engine;
      const instances = groups.flatMap((group) => group.instances.map((it) => toInstance(group, it)));
      return {
        now: clock.now(),
        fleet,
        scope,
        timing,
        build,
        instances,
        strays: strays(),
        healthyElsewhere: unknown().filter(({ state: health }) => health === 'healthy').length,
        desired: parameters.desired(),
        state: { ...stored, found: await findLost(instances) },
        targetGroup,
        groupProblems: groups.flatMap((group) =>
          groupProblems(group, waiting.hooks.get(group.name) ?? null, prefix, fleetTag(prefix)),
        ),
      };
    },
  };

  /**
   * A target may have been registered between reading the groups and the targets, so the groups are read
   * again before one counts as unknown.
   */
  async function lookForStrays(): Promise<void> {
    if (unknown().length > 0) await reads.groups();
    const ids = unknown().map(({ instance }) => instance);
    for (const id of memory.strays.keys()) if (!ids.includes(id)) memory.strays.delete(id);
    for (const id of ids) memory.strays.set(id, (memory.strays.get(id) ?? 0) + 1);
  }

  function unknown(): Target[] {
    const known = new Set(groups.flatMap(({ instances }) => instances.map(({ id }) => id)));
    return targets.filter(({ instance }) => !known.has(instance));
  }

  function strays(): Stray[] {
    return targets.flatMap((target) => {
      const looks = memory.strays.get(target.instance);
      return looks === undefined ? [] : [{ id: target.instance, target, looks }];
    });
  }

  /** One that came in may go out within the same run: its start is another one then. */
  function noteLifecycle({ id, lifecycle }: Group['instances'][number]): void {
    if (lifecycles.get(id) === lifecycle) return;
    lifecycles.set(id, lifecycle);
    waiting.forget(id);
    memory.over.delete(id);
    // It has another disk, or was stopped: what its host said before is no proof any more.
    if (lifecycle === 'Pending:Wait') memory.hosts.delete(id);
  }

  /** Without a status, what most hosts run may still be stored. */
  async function findLost(instances: Instance[]): Promise<Config | null> {
    const sha256 = stored.status === null ? mostProven(instances) : null;
    return sha256 === null ? null : configs.read(sha256);
  }

  async function readResults(commandId: string): Promise<void> {
    const at = clock.now();
    for (const { instance, state: ended, output, detail } of await aws.commands.results(commandId)) {
      const known = memory.hosts.get(instance);
      if (known?.kind !== 'asked' || known.commandId !== commandId || ended === 'pending') continue;
      if (ended === 'undelivered') {
        memory.hosts.set(instance, { kind: 'unreachable', reason: `the command ended as ${detail}`, at });
        continue;
      }
      const report = parseReport(output);
      const evidence = typeof report === 'string' ? silent(known.mode, `${report} (${detail})`) : report;
      memory.hosts.set(instance, { kind: 'reported', report: evidence, at, sha256: known.sha256 });
    }
  }

  function toInstance(group: Group, { id, zone, lifecycle }: Group['instances'][number]): Instance {
    const target = targets.find(({ instance }) => instance === id);
    const mine = scope.kind === 'instance' && scope.instance === id;
    const startedAt = (mine ? where.startedAt : null) ?? waiting.starts.get(id) ?? null;
    return {
      id,
      group: group.name,
      zone,
      lifecycle,
      agentOnline: agents.get(id)?.online ?? false,
      agentSeenAt: agents.get(id)?.seenAt ?? null,
      target: target ?? null,
      host: memory.hosts.get(id) ?? { kind: 'unknown' },
      hook: hookOf(waiting.hooks.get(group.name) ?? [], prefix, lifecycle),
      // Which hook holds one bound for the warm pool, its state does not tell.
      isOver: memory.over.has(id) && !lifecycle.startsWith('Warmed:'),
      startedAt,
      isTried: waiting.tried.get(id) ?? false,
      // The hook's time began no earlier than what it waits for, whoever looks.
      heartbeatAt: memory.heartbeats.get(id) ?? startedAt,
      registeredAt: memory.registered.get(id) ?? null,
    };
  }
}

/** A script that ran and reported nothing, killed by its time-out perhaps, proves nothing. */
function silent(mode: Evidence['mode'], reason: string): Evidence {
  return { mode, outcome: 'failed', phase: 'unknown', reason, running: null };
}

/** How long the snapshot's slow-changing parts may serve before an apply is decided upon them. */
export const freshMs = limits.freshSeconds * 1000;

const isWaiting = (lifecycle: string): boolean => lifecycle.endsWith(':Wait');

function hasWaiting({ instances }: Group): boolean {
  return instances.some(({ lifecycle }) => isWaiting(lifecycle));
}

/** The target group may be gone; reading the group itself says so. */
function noTargets(error: Error): Target[] {
  if (error.message.includes('TargetGroupNotFound')) return [];
  throw error;
}
