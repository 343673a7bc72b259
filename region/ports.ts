/**
 * What the region's state machine needs from outside itself. The state machine runs in one process
 * without I/O of its own: real hosts and a real balancer stand behind these for the demo, simulated ones
 * for runs on virtual time.
 */

/** The region's time. Faked by tests; `after` returns a function that cancels. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  after(ms: number, run: () => void): () => void;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** The execution time-out passed and everything the script had started was killed. */
  timedOut: boolean;
}

/** What the agent on a host is asked to run: a document's step after substitution. */
export interface HostCommand {
  documentName: string;
  /** Parameters after defaults; a simulated host reads these instead of running the script. */
  parameters: Record<string, string>;
  script: string;
  timeoutMs: number;
  /** Aborted when the command is cancelled: everything that the script has started is killed. */
  signal?: AbortSignal;
}

export interface Host {
  readonly instanceId: string;
  /** Private IPv4 address. */
  readonly address: string;
  run(command: HostCommand): Promise<RunResult>;
  /** Whether a TCP connection from the balancer to this port is accepted within `timeoutMs`. */
  accepts(port: number, timeoutMs: number): Promise<boolean>;
  /** Ends every process on it, as stopping the instance does; its disk stays. */
  stop(): Promise<void>;
  /** Runs what is enabled on it, as a boot does. Rejects when that doesn't start. */
  start(): Promise<void>;
  /** Ends every process on it and gives it the disk of a new one; its address stays. */
  replaceRootVolume(): Promise<void>;
  terminate(): Promise<void>;
}

export interface Hosts {
  launch(instance: { instanceId: string; zone: string }): Promise<Host>;
}

/** A layer 4 balancer that keeps the client's address. */
export interface Balancer {
  /**
   * New connections to `listenerPort` are spread over `targets` from now on; established flows go on,
   * except those to the addresses in `reset`, which are reset after the switch.
   */
  route(listenerPort: number, targets: { address: string; port: number }[], reset?: string[]): Promise<void>;
}

/** An invocation environment of one function: a process with the bundle loaded, or the handler itself. */
export interface Sandbox {
  /** Resolves to the handler's result; rejects with a FunctionError when it throws, times out or dies. */
  invoke(event: unknown, invocation: { requestId: string; deadline: number }): Promise<unknown>;
  stop(): Promise<void>;
}

export interface FunctionSpec {
  name: string;
  arn: string;
  /** As in the template, `path/file.export`, inside `directory`. */
  handler: string;
  directory: string;
  environment: Record<string, string>;
  timeoutSeconds: number;
  memoryMegabytes: number;
}

export interface Sandboxes {
  start(spec: FunctionSpec, log: (line: string) => void): Promise<Sandbox>;
}
