import type { Clock } from './ports.ts';
import { AwsError } from './service.ts';

/** What can be made to go wrong, and what its `subject` is. */
export type FaultKind =
  /** Operation: calls of it are throttled, those inside the region too; `function:Operation`, its calls alone. */
  | 'throttle'
  /** Detail-type: events of it are lost, come twice, or come `amount` seconds late. */
  | 'lose'
  | 'double'
  | 'delay'
  /** Instance, or `new` for those whose agent isn't online yet: it is silent, or `amount` seconds slow. */
  | 'stop-agent'
  | 'slow-agent'
  /** Function: it dies at the `amount`-th AWS call of an invocation. */
  | 'crash'
  /** Path: parameters below it read as their previous version; pages of it are short, or empty. */
  | 'stale-reads'
  | 'short-pages'
  /** Zone: EC2 launches nothing there, and nobody reaches what runs there, for as long as it lasts. */
  | 'fail-zone';

export interface Fault {
  kind: FaultKind;
  subject: string;
  amount?: number;
  /** How often it strikes, or how many new instances it befalls; left out, until it is cleared. */
  times?: number;
  /** From 0 to 1: its chance to strike each time it could; left out, it always does. */
  rate?: number;
}

interface Entry extends Fault {
  id: number;
  since: number;
  struck: number;
  /** AWS calls of the present invocation of each of the function's environments. */
  calls: Map<string, number>;
  /** The new instances it has befallen. */
  instances: Set<string>;
}

/** An instance as far as its agent is concerned. */
interface Agent {
  instanceId: string;
  zone: string;
  agentOnlineAt: number;
}

/** The faults that are in force. The wire and the services ask it; people and tests add to it. */
export class Faults {
  private entries: Entry[] = [];
  private added = 0;
  private readonly clock: Clock;
  private readonly random: () => number;
  private zoneDown: () => void = () => {};
  private crashFunction: (name: string, environment: string) => void = () => {};

  constructor(clock: Clock, random: () => number) {
    this.clock = clock;
    this.random = random;
  }

  /** Answers the number it is cleared by. */
  add(fault: Fault): number {
    const fresh = {
      id: ++this.added,
      since: this.clock.now(),
      struck: 0,
      calls: new Map<string, number>(),
      instances: new Set<string>(),
    };
    this.entries.push({ ...fault, ...fresh });
    if (fault.kind === 'fail-zone') this.zoneDown();
    return this.added;
  }

  /** Those that have not struck for the last time, oldest first. */
  list(): readonly Readonly<Entry>[] {
    return this.entries;
  }

  /** One of them, or all; false when there is none of this number. */
  clear(id?: number): boolean {
    const left = this.entries.filter((entry) => id !== undefined && entry.id !== id);
    const found = left.length < this.entries.length;
    this.entries = left;
    return found || id === undefined;
  }

  /** The error that a call is answered with. */
  errorOf(service: string, operation: string, identity = ''): AwsError | undefined {
    const subjects = [operation, `${identity.split('/').at(-1)}:${operation}`];
    if (!this.strike('throttle', (subject) => subjects.includes(subject))) return undefined;
    if (service === 'lambda') return new AwsError('TooManyRequestsException', 'Rate Exceeded.', 429);
    const query = ['autoscaling', 'elbv2', 'cloudformation', 'sts'].includes(service);
    return new AwsError(query ? 'Throttling' : 'ThrottlingException', 'Rate exceeded', 400);
  }

  /** In how many milliseconds an event is delivered: once, twice, or not at all. */
  deliveriesOf(detailType: string): number[] {
    const hits = (subject: string) => subject === detailType;
    if (this.strike('lose', hits)) return [];
    const ms = (this.strike('delay', hits)?.amount ?? 0) * 1000;
    return this.strike('double', hits) ? [ms, ms] : [ms];
  }

  /** The page size that is left of the one asked for: half and nothing in turn. */
  pageSize(path: string, asked: number): number {
    const struck = this.strike('short-pages', (subject) => path.startsWith(subject));
    return struck === undefined ? asked : struck.struck % 2 === 0 ? Math.ceil(asked / 2) : 0;
  }

  isStale(path: string): boolean {
    return this.strike('stale-reads', (subject) => path.startsWith(subject)) !== undefined;
  }

  /**
   * When an instance's agent registers, never for one that was stopped before, since when it is silent, and
   * how much later than usual it picks commands up.
   */
  agentOf(agent: Agent): { onlineAt: number; silentSince: number | null; slowMs: number } {
    const result = { onlineAt: agent.agentOnlineAt, silentSince: null as number | null, slowMs: 0 };
    for (const entry of this.entries) {
      const inZone = entry.kind === 'fail-zone' && entry.subject === agent.zone;
      const isAgents = entry.kind === 'stop-agent' || entry.kind === 'slow-agent';
      if (!inZone && !(isAgents && befalls(entry, agent))) continue;
      const ms = entry.kind === 'slow-agent' ? (entry.amount ?? 0) * 1000 : Number.POSITIVE_INFINITY;
      if (agent.agentOnlineAt > entry.since) result.onlineAt += ms;
      if (entry.kind === 'slow-agent') result.slowMs += ms;
      else result.silentSince = entry.since;
    }
    return result;
  }

  /** Since when a zone is down; undefined for one that is not. */
  downSince(zone: string): number | undefined {
    return this.entries.find(({ kind, subject }) => kind === 'fail-zone' && subject === zone)?.since;
  }

  /** Runs when a zone has gone down. */
  onZoneDown(listener: () => void): void {
    this.zoneDown = listener;
  }

  onCrash(crash: (functionName: string, environment: string) => void): void {
    this.crashFunction = crash;
  }

  /** Calls are counted from the start of an environment's invocation. */
  invocationStarts(environment: string): void {
    for (const { calls } of this.entries) calls.delete(environment);
  }

  /** Counts a call; true when the environment that made it, known by its session token, is dead now. */
  crashes(identity: string, environment: string): boolean {
    const hits = (name: string) => identity.endsWith(`/${name}`);
    const count = ({ calls }: Entry) => calls.get(environment) ?? 0;
    for (const entry of this.entries) if (hits(entry.subject)) entry.calls.set(environment, count(entry) + 1);
    const struck = this.strike('crash', (name, entry) => hits(name) && count(entry) === entry.amount);
    if (struck) this.crashFunction(struck.subject, environment);
    return struck !== undefined;
  }

  private strike(kind: FaultKind, hits: (subject: string, entry: Entry) => boolean): Entry | undefined {
    const entry = this.entries.find((one) => one.kind === kind && hits(one.subject, one));
    if (!entry || (entry.rate !== undefined && this.random() >= entry.rate)) return undefined;
    entry.struck += 1;
    if (entry.struck === entry.times) this.clear(entry.id);
    return entry;
  }
}

function befalls(entry: Entry, { instanceId, agentOnlineAt }: Agent): boolean {
  if (entry.subject !== 'new') return entry.subject === instanceId;
  if (entry.instances.has(instanceId)) return true;
  if (agentOnlineAt <= entry.since || entry.instances.size === entry.times) return false;
  entry.instances.add(instanceId);
  return true;
}
