import { type Failure, failures, type Place } from './flood-connection.ts';

export const kinds = ['fresh', 'connect', 'keep-alive', 'tunnel'] as const;
export type Kind = (typeof kinds)[number];

export interface FloodClients {
  /** Clients of each kind at once. */
  clients: Record<Kind, number>;
  /** Tunnels besides, that can be told to make room; the others stay from first to last. */
  visitors: number;
  /** Between two requests of one client, in milliseconds. */
  pauseMs: Record<Kind, number>;
}

export interface FloodPlan extends FloodClients {
  proxy: Place;
  /** Host name of the S3 endpoint, on ports 80 and 443. */
  s3: string;
}

export interface Count extends Record<Failure, number> {
  /** Whole and right answers. */
  served: number;
  slowestMs: number;
}

export interface FloodCounts {
  kinds: Record<Kind, Count>;
  /**
   * Keep-alive connections that the proxy closed after an answer that said so. Each reconfigure does that to
   * those it finds; no request is lost, and the next one goes over a new connection.
   */
  announced: number;
  /**
   * Closed without a word while no request was under way. HTTP lets a proxy do so and has the client send again
   * what it sends into the close, so it is no failure, unless a request was lost by it or it was a reset.
   */
  closedBetweenRequests: number;
  /** Tunnels that have been open since the start, and those that their client ended when it was told to. */
  held: number;
  endedByClient: number;
  /** The first of them, for people. */
  examples: string[];
}

/** How long clients of the floods in `npm test` pause, which share two processors with other tests. */
export const calmPauseMs = { fresh: 60, connect: 100, 'keep-alive': 100, tunnel: 200 };

export type ToFlood = { leave: number[] } | 'visit' | 'stop';

export function newCount(): Count {
  const none = Object.fromEntries(failures.map((failure) => [failure, 0])) as Record<Failure, number>;
  return { served: 0, slowestMs: 0, ...none };
}

export function failed(count: Count): number {
  return failures.reduce((total, failure) => total + count[failure], 0);
}
