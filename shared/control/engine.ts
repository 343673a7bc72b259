import { type Aws, aws, type ClientConfig } from '../aws/clients.ts';
import type { Metric } from '../decisions/metrics.ts';
import type { Timing } from '../decisions/model.ts';
import { limits } from '../runtime/limits.ts';
import { logger } from '../runtime/log.ts';
import { emit } from '../runtime/metrics.ts';
import { readRuntimeSettings } from '../runtime/settings.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** One structured line; the fields are the log's columns. */
export type Log = (message: string, fields: Record<string, unknown>) => void;

/** What every run is given: AWS, time, the names of this stage and the deploy-time settings. */
export interface Engine {
  aws: Aws;
  clock: Clock;
  log: Log;
  measure(metrics: Metric[]): void;
  /** The prefix of every name, tag and path: `shoal`, or `shoal-<stage>`. */
  prefix: string;
  timing: Timing;
  askMs: number;
  /** When this code was built, epoch seconds. */
  build: number;
  /** This function's own name, to hand a fleet's work to an invocation of its own. */
  functionName: string;
}

/** An engine from the function's environment. Tests give an SDK request handler of their own. */
export function createEngine(
  environment: Record<string, string | undefined>,
  clients: ClientConfig = {},
): Engine {
  const { prefix, document, debounceMs, askMs, lagMs, pollMs, sweepMs } = readRuntimeSettings(environment);
  return {
    aws: aws(
      {
        tag: fleetTag(prefix),
        // Put in place when the bundle is built, as `build` is.
        document: { name: document, sha256: process.env.SHOAL_DOCUMENT_SHA256 ?? '' },
        source: prefix,
      },
      clients,
    ),
    clock: {
      now: () => Date.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    },
    log: (message, fields) => logger.info(message, fields),
    measure: emit,
    prefix,
    askMs,
    timing: {
      debounceMs,
      lagMs,
      pollMs,
      sweepMs,
      retryMs: Math.min(limits.retrySeconds * 1000, sweepMs),
      agentBudgetMs: limits.agentBudgetSeconds * 1000,
      healthyBudgetMs: limits.healthyBudgetSeconds * 1000,
      launchBudgetMs: limits.launchBudgetSeconds * 1000,
      outOfReachMs: limits.outOfReachSeconds * 1000,
      stormInstances: limits.stormInstances,
      commandInstances: limits.commandInstancesMax,
    },
    build: Number(process.env.SHOAL_BUILD ?? 0),
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME ?? '',
  };
}

/** What may stand in a parameter's path and in a tag alike. */
export const isFleetName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(name);
export const parameterPath = (prefix: string, fleet: string): string => `/${prefix}/${fleet}/`;
export const statePath = (prefix: string, fleet: string): string => `/${prefix}-state/${fleet}/`;
export const fleetTag = (prefix: string): string => `${prefix}:fleet`;
