import { gunzipSync, gzipSync } from 'node:zlib';
import * as v from 'valibot';
import type { Parameters } from '../aws/parameters.ts';
import type { Status } from '../decisions/model.ts';
import type { Config, Origin, Settings } from '../fleet/settings.ts';
import { nameOf } from '../fleet/squid-conf.ts';
import { limits } from '../runtime/limits.ts';

/** `/shoal-state/<fleet>/`: what the operator remembers, in Parameter Store and nowhere else. */
export interface StateStore {
  status(): Promise<{ status: Status | null; version: number; lease: Lease | null }>;
  /** Takes or renews the lease of a rollout, or gives it back. It saves work: nothing that has to be right rests on it. */
  lease(lease: Lease | null): Promise<void>;
  /**
   * Writes `status` on top of `version`. True when it became `version + 1`; false when somebody else wrote
   * in between: theirs is in force then, and everything has to be decided again from it.
   */
  writeStatus(status: Status, version: number): Promise<boolean>;
  config(sha256: string): Promise<Config | null>;
  /** Stores a config under its sha256, in parts, each at most one standard parameter long. */
  storeConfig(config: Config, origin: Origin): Promise<void>;
  /** What was live, the newest first, each once. */
  lives(): Promise<string[]>;
  /** Deletes stored configs but the last lives and those that `status` names; others go when a day old. */
  prune(status: Status, now: number): Promise<void>;
}

/** A run that is at work on a rollout. Another one finds it and leaves the work to it. */
export interface Lease {
  holder: string;
  sha256: string;
  /** Epoch milliseconds. */
  until: number;
}

const LeaseShape = v.object({ holder: v.string(), sha256: v.string(), until: v.number() });
const StatusShape = v.object({
  epoch: v.number(),
  live: v.optional(v.object({ sha256: v.string(), since: v.number() })),
  rejected: v.optional(
    v.object({
      sha256: v.string(),
      settings: v.string(),
      instance: v.string(),
      reason: v.string(),
      at: v.number(),
    }),
  ),
  rollout: v.optional(
    v.object({
      sha256: v.string(),
      forced: v.boolean(),
      startedAt: v.number(),
      unhealthyBefore: v.array(v.string()),
      build: v.number(),
    }),
  ),
});

export function stateStore(parameters: Parameters, path: string): StateStore {
  const statusPath = `${path}status`;
  const leasePath = `${path}run`;
  return {
    status: async () => {
      const found = await parameters.named([statusPath, leasePath]);
      const status = found.find(({ name }) => name === statusPath);
      const leased = v.safeParse(LeaseShape, json(found.find(({ name }) => name === leasePath)?.value));
      return {
        status: status === undefined ? null : parse(status.value),
        version: status?.version ?? 0,
        lease: leased.success ? leased.output : null,
      };
    },
    lease: async (lease) => {
      if (lease === null) await parameters.delete([leasePath]);
      else await parameters.put(leasePath, JSON.stringify(lease));
    },
    writeStatus: async (status, version) => {
      let value = JSON.stringify(status);
      if (version === 0) return (await parameters.create(statusPath, value)) !== null;
      let written = await parameters.put(statusPath, value);
      if (written === version + 1) return true;
      // Parameter Store has no compare-and-set, so the newest decision of the others is put back on top.
      for (let tries = 0; tries < limits.conflictsMax; tries++) {
        const theirs = await parameters.get(`${statusPath}:${written - 1}`);
        if (theirs === null || theirs.value === value) return false;
        value = theirs.value;
        const again = await parameters.put(statusPath, value);
        if (again === written + 1) return false;
        written = again;
      }
      throw new Error(`${statusPath} is written by others without an end`);
    },
    config: readConfig,
    lives,
    prune: async ({ live, rollout, rejected }, now) => {
      const named = [live, rollout, rejected].map((it) => it?.sha256);
      const kept = new Set([...named, ...(await lives()).slice(0, limits.livesKept)]);
      const parts = await parameters.below(`${path}config/`);
      const old = parts.filter(
        ({ name, modifiedAt }) =>
          !kept.has(name.split('/')[0] ?? '') && now - modifiedAt > limits.configKeptSeconds * 1000,
      );
      if (old.length > 0) await parameters.delete(old.map(({ name }) => `${path}config/${name}`));
    },
    storeConfig: async (config, origin) => {
      if ((await readConfig(config.sha256)) !== null) return;
      // All of them: what a run that died half-way left may belong to other versions of the same config. One
      // after another, since Parameter Store takes three writes a second.
      for (const [index, part] of encode(config, origin).entries())
        await parameters.put(`${path}config/${config.sha256}/${index}`, part);
    },
  };

  async function lives(): Promise<string[]> {
    const statuses = (await parameters.history(statusPath)).map(({ value }) => parse(value));
    return [...new Set(statuses.flatMap(({ live }) => live?.sha256 ?? []).reverse())];
  }

  async function readConfig(sha256: string): Promise<Config | null> {
    const parts = await parameters.below(`${path}config/${sha256}/`);
    const inOrder = parts.sort((a, b) => Number(a.name) - Number(b.name)).map(({ value }) => value);
    return decode(inOrder, sha256);
  }
}

function json(text = ''): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function parse(value: string): Status {
  const parsed = v.safeParse(StatusShape, JSON.parse(value));
  if (!parsed.success) throw new Error(`the stored status is not one: ${parsed.issues[0].message}`);
  return parsed.output as Status;
}

interface Stored {
  file: string;
  settings: Settings;
  settingsHash: string;
  origin: Origin;
}

function encode({ file, settings, settingsHash }: Config, origin: Origin): string[] {
  const stored: Stored = { file, settings, settingsHash, origin };
  const text = gzipSync(JSON.stringify(stored)).toString('base64');
  return text.match(new RegExp(`.{1,${limits.parameterBytesMax}}`, 'g')) ?? [];
}

/** Null when parts are missing or of another writing: a config is whole or it is not there. */
function decode(parts: string[], sha256: string): Config | null {
  try {
    const stored = JSON.parse(gunzipSync(Buffer.from(parts.join(''), 'base64')).toString()) as Stored;
    const { file, settings, settingsHash, origin } = stored;
    if (nameOf(file) !== sha256) return null;
    return { sha256, file, settings, settingsHash, origin };
  } catch {
    return null;
  }
}
