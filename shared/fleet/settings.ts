/** The vocabulary of a fleet's configuration. Pure types; parameters.ts makes them, squid-conf.ts renders them. */

/** A parameter below `/shoal/<fleet>/`, as Parameter Store holds it. */
export interface Parameter {
  /** Relative to the fleet's path: `port`, `allowed-cidrs/tokyo`. */
  name: string;
  value: string;
  version: number;
  /** Epoch milliseconds. */
  modifiedAt: number;
}

/** A number of instances, or a share of the fleet. */
export type Share = { count: number } | { percent: number };

export interface Settings {
  targetGroupArn: string;
  /** Client networks: canonical, merged, in ascending order, so that equal sets are equal lists. */
  allowedCidrs: string[];
  /** `.example.com` for a domain and all below it; no entry is covered by another; sorted. */
  allowedDomains: string[] | 'any';
  domainsMode: 'enforce' | 'report';
  privateDestinations: string[];
  allowedPorts: number[];
  port: number;
  probeUrl: string | null;
  /** squid.conf lines, each beginning with a listed name. */
  extraDirectives: string[];
  rollout: { canary: Share; wave: Share; errors: Share; soakSeconds: number };
  onRevoke: 'disconnect' | 'keep';
  allowAnySource: boolean;
  paused: boolean;
}

/** One thing wrong with one parameter, said so that its writer can mend it. */
export interface Mistake {
  /** Relative name; null for what concerns the whole (e.g. the config's size). */
  parameter: string | null;
  version: number | null;
  /** What is wrong, what was expected, what to do: one sentence or two. */
  problem: string;
}

/** What a fleet's parameters render to. */
export interface Config {
  /** Over `file` with the marker's own hash as 64 zeros. The config's name. */
  sha256: string;
  /** The whole squid.conf. */
  file: string;
  settings: Settings;
  /** Over the settings that the file comes from (not rollout, on-revoke, paused): the same under another renderer. */
  settingsHash: string;
  /** Known of a stored one alone. */
  origin?: Origin;
}

/** What a stored config was made of. */
export interface Origin {
  /** When the code that rendered it was built, epoch seconds. */
  build: number;
  /** Each parameter's time of change, epoch milliseconds. */
  parameters: Record<string, number>;
}
