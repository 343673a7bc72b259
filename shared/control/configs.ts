import type { Desired, Status } from '../decisions/model.ts';
import type { Config } from '../fleet/settings.ts';
import type { StateStore } from './state.ts';

/** Configs by name: desired itself where it is the same, else from the state, each read once a run. */
export interface Configs {
  /** Live's and the rollout's; null for one that `status` doesn't name, or that can't be read. */
  of(
    status: Status | null,
    version: number,
    desired: Desired,
  ): Promise<{ live: Config | null; rollout: Config | null }>;
  read(sha256: string): Promise<Config | null>;
}

export function storedConfigs(state: StateStore): Configs {
  const found = new Map<string, Config>();
  // A config is stored before a status points at it: one that was missing stays so until the next is written.
  const missing = new Map<string, number>();
  const read = async (sha256: string): Promise<Config | null> => {
    const config = found.get(sha256) ?? (await state.config(sha256));
    if (config !== null) found.set(sha256, config);
    return config;
  };
  return {
    read,
    of: async (status, version, desired) => {
      const find = async (sha256: string | undefined): Promise<Config | null> => {
        if (sha256 === undefined) return null;
        if (desired.kind === 'config' && desired.config.sha256 === sha256) return desired.config;
        if (missing.get(sha256) === version) return null;
        const config = await read(sha256);
        if (config === null) missing.set(sha256, version);
        return config;
      };
      const [live, rollout] = await Promise.all([find(status?.live?.sha256), find(status?.rollout?.sha256)]);
      return { live, rollout };
    },
  };
}
