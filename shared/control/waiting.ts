import type { Group, Hook } from '../aws/groups.ts';
import type { Scope } from '../decisions/model.ts';
import { limits } from '../runtime/limits.ts';
import type { Engine } from './engine.ts';
import type { Known } from './observe.ts';

/** What is read of instances that wait in a lifecycle hook, each of it once. */
export interface WaitingReader {
  /** By group. */
  hooks: Map<string, Hook[]>;
  /** When each began to come or go, by Auto Scaling's own account, epoch milliseconds. */
  starts: Map<string, number>;
  /** Whether commands had been sent to it minutes ago too. Looked up where much depends on it. */
  tried: Map<string, boolean>;
  readHooks(group: Group): Promise<void>;
  read(group: Group): Promise<void>;
  /** Looks up whether what may be given up by its time has had a fair try since whatever held it. */
  readTries(group: Group, hosts: Map<string, Known>): Promise<void>;
  /** It comes or goes anew. */
  forget(id: string): void;
}

export function waitingReader({ aws, clock, timing }: Engine, scope: Scope): WaitingReader {
  const hooks = new Map<string, Hook[]>();
  const starts = new Map<string, number>();
  const tried = new Map<string, boolean>();
  const sought = new Set<string>();
  const mayBeGivenUp = (id: string, host: Known | undefined) => {
    const startedAt = starts.get(id);
    if (startedAt === undefined || clock.now() - startedAt <= timing.launchBudgetMs) return false;
    return host?.kind === 'unreachable' || (host?.kind === 'reported' && host.report.outcome !== 'proven');
  };
  return {
    hooks,
    starts,
    tried,
    readHooks: async ({ name }) => {
      if (!hooks.has(name)) hooks.set(name, await aws.groups.hooks(name));
    },
    read: async (group) => {
      if (scope.kind === 'instance') return;
      const waiting = waitingOf(group);
      if (waiting.every((id) => sought.has(id))) return;
      for (const [id, at] of await aws.groups.activityStarts(group.name, waiting, true)) starts.set(id, at);
      for (const id of waiting) sought.add(id);
    },
    readTries: async (group, hosts) => {
      if (scope.kind === 'instance') return;
      const ids = waitingOf(group).filter((id) => !tried.has(id) && mayBeGivenUp(id, hosts.get(id)));
      const before = clock.now() - limits.fairTrySeconds * 1000;
      await Promise.all(
        ids.map(async (id) =>
          tried.set(id, await aws.commands.wereSent(id, before - limits.fairTrySeconds * 1000, before)),
        ),
      );
    },
    forget: (id) => {
      for (const known of [starts, tried, sought]) known.delete(id);
    },
  };
}

function waitingOf({ instances }: Group): string[] {
  return instances.filter(({ lifecycle }) => lifecycle.endsWith(':Wait')).map(({ id }) => id);
}
