import type { Desired } from '../decisions/model.ts';
import { readSettings } from '../fleet/parameters.ts';
import type { Config, Origin, Parameter } from '../fleet/settings.ts';
import { renderConfig } from '../fleet/squid-conf.ts';
import { type Engine, parameterPath } from './engine.ts';
import type { Where } from './observe.ts';

/** What a fleet's parameters ask for, and where it comes from. */
export interface DesiredReader {
  read(): Promise<void>;
  /**
   * Parameter Store may answer with what was true a moment ago, or with a page less. What is older than what a
   * config was made of, or gone since, counts as an edit of this moment, so that it is read again before
   * anything comes of it; as deleted counts what is named as missing twice, a debounce time apart: looks that
   * wait for something else may follow each other at once.
   */
  doubt(known: (Config | null)[]): Promise<void>;
  desired(): Desired;
  origin(): Origin;
}

export function desiredReader({ aws, clock, prefix, build, timing }: Engine, where: Where): DesiredReader {
  const path = parameterPath(prefix, where.fleet);
  /** Since when a parameter is missing, epoch milliseconds. */
  const missed = new Map<string, number>();
  let found: Parameter[] = [];
  let desired: Desired = { kind: 'mistakes', mistakes: [], editedAt: 0 };

  return {
    desired: () => desired,
    origin: () => ({
      build,
      parameters: Object.fromEntries(found.map(({ name, modifiedAt }) => [name, modifiedAt])),
    }),
    read: async () => {
      found = edited(await aws.parameters.below(path), where.set ?? {});
      const [newest] = found.toSorted((a, b) => b.modifiedAt - a.modifiedAt || (a.name < b.name ? -1 : 1));
      const editedAt = Math.max(where.deletedAt ?? 0, newest?.modifiedAt ?? 0);
      const edit = { editedAt, edited: newest?.modifiedAt === editedAt ? newest.name : null };
      const answer = readSettings(found);
      if ('mistakes' in answer) desired = { kind: 'mistakes', mistakes: answer.mistakes, ...edit };
      else desired = { kind: 'config', config: renderConfig(answer.settings), ...edit };
    },
    doubt: async (known) => {
      // Nothing comes of edits that have not been made.
      if (where.set !== undefined) return;
      const recorded = new Map(known.flatMap((it) => Object.entries(it?.origin?.parameters ?? {})));
      const isOld = found.some(({ name, modifiedAt }) => modifiedAt < (recorded.get(name) ?? 0));
      const missing = [...recorded.keys()].filter((name) => !found.some((it) => it.name === name));
      const named = missing.length === 0 ? [] : await aws.parameters.named(missing.map((it) => path + it));
      for (const name of missed.keys()) if (!missing.includes(name)) missed.delete(name);
      for (const name of missing)
        if (!missed.has(name) || named.some((it) => it.name === path + name)) missed.set(name, clock.now());
      const isShort = [...missed.values()].some((since) => clock.now() - since < timing.debounceMs);
      if (isOld || isShort) desired = { ...desired, editedAt: clock.now(), edited: null };
    },
  };
}

/** The parameters as they would be after edits that have not been made; an empty value stands for a deletion. */
function edited(parameters: Parameter[], set: Record<string, string>): Parameter[] {
  const rest = parameters.filter(({ name }) => !(name in set));
  const added = Object.entries(set).filter(([, value]) => value !== '');
  return [...rest, ...added.map(([name, value]) => ({ name, value, version: 0, modifiedAt: 0 }))];
}
