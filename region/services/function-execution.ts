import type { Faults } from '../faults.ts';
import { FunctionError, functionError } from '../function-error.ts';
import type { Clock, FunctionSpec, Sandbox, Sandboxes } from '../ports.ts';
import { AwsError } from '../service.ts';
import type { Timers } from '../timers.ts';
import type { FunctionLog, LogStream } from './function-log.ts';

export interface FunctionDefinition extends FunctionSpec {
  role: string;
  runtime: string;
  description: string;
  architectures: string[];
  codeSize: number;
  /** Base64, as Lambda reports it. */
  codeSha256: string;
  reservedConcurrency?: number;
}

/** How failed asynchronous invocations go on (AWS::Lambda::EventInvokeConfig). */
export interface AsyncConfig {
  maximumRetryAttempts: number;
  maximumEventAgeSeconds: number;
  /** ARN of the queue that gets a record of each event that was given up. */
  onFailure?: string;
}

export interface LambdaFunction {
  definition: FunctionDefinition;
  async: AsyncConfig;
  log: FunctionLog;
  /** Warm environments, the one used last at the end. */
  idle: Environment[];
  running: number;
  /** What runs goes on, and nothing else is started. */
  removed: boolean;
  /** By session token: each kills one of the environments that run an invocation. */
  kills: Map<string, () => void>;
}

interface Environment {
  sandbox: Sandbox;
  /** Tells its calls from those of the function's other environments. */
  token: string;
  log: LogStream;
  keepWarm?: () => void;
}

export interface Outcome {
  /** JSON of the result or of the error. */
  payload: string;
  error?: FunctionError;
  logTail: string;
}

export interface Executor {
  /**
   * Runs one invocation to its end, whichever it is.
   * @throws AwsError TooManyRequestsException when no concurrency is left, before anything ran.
   */
  run(one: LambdaFunction, payload: string, requestId: string): Promise<Outcome>;
  close(): Promise<void>;
}

const idleMs = 300_000;

interface ExecutorOptions {
  clock: Clock;
  sandboxes: Sandboxes;
  concurrency: number;
  faults: Faults;
}

export function createExecutor(
  { clock, sandboxes, concurrency, faults }: ExecutorOptions,
  functions: ReadonlyMap<string, LambdaFunction>,
  timers: Timers,
): Executor {
  const starting = new Set<Promise<Sandbox>>();
  const active = new Set<Sandbox>();
  let closed = false;
  let started = 0;

  const run = async (one: LambdaFunction, payload: string, requestId: string): Promise<Outcome> => {
    refuseAboveLimit(one, [...functions.values()], concurrency);
    one.running += 1;
    try {
      return await invokeIn(one, payload, requestId);
    } finally {
      one.running -= 1;
    }
  };

  const invokeIn = async (one: LambdaFunction, payload: string, requestId: string): Promise<Outcome> => {
    const warm = one.idle.pop();
    warm?.keepWarm?.();
    const log = warm?.log ?? one.log.stream();
    const token = warm?.token ?? `${one.definition.environment.AWS_SESSION_TOKEN ?? ''}${++started}`;
    faults.invocationStarts(token);
    const tail = log.tail();
    const initStart = clock.now();
    let start = initStart;
    let outcome: Omit<Outcome, 'logTail'>;
    const { definition } = one;
    try {
      const sandbox = warm?.sandbox ?? (await startSandbox(one, token, log));
      active.add(sandbox);
      start = clock.now();
      log.write(`START RequestId: ${requestId} Version: $LATEST`);
      outcome = await invokeWithin(timers, clock, { one, sandbox, token, payload, requestId, log });
      active.delete(sandbox);
      // One of what the function was before it was changed or removed serves no other event.
      if (closed || outcome.error?.fatal || one.removed || definition !== one.definition)
        await sandbox.stop();
      else park(one, { sandbox, token, log });
    } catch (thrown) {
      const error = functionError(thrown); // The handler's module threw while it was loaded.
      log.write(`START RequestId: ${requestId} Version: $LATEST`);
      log.write(JSON.stringify(error.payload()));
      outcome = { payload: JSON.stringify(error.payload()), error };
    }
    log.write(`END RequestId: ${requestId}`);
    log.write(report(one, requestId, clock.now() - start, warm ? undefined : start - initStart));
    return { ...outcome, logTail: tail() };
  };

  const startSandbox = (one: LambdaFunction, token: string, log: LogStream): Promise<Sandbox> => {
    const environment = { ...one.definition.environment, AWS_SESSION_TOKEN: token };
    const start = sandboxes.start({ ...one.definition, environment }, log.write);
    starting.add(start);
    return start.finally(() => starting.delete(start));
  };

  const park = (one: LambdaFunction, environment: Environment): void => {
    one.idle.push(environment);
    environment.keepWarm = timers.after(idleMs, () => {
      one.idle.splice(one.idle.indexOf(environment), 1);
      void environment.sandbox.stop();
    });
  };

  return {
    run,
    async close() {
      closed = true;
      const idle = [...functions.values()].flatMap((one) => one.idle.splice(0)).map(({ sandbox }) => sandbox);
      const started = (await Promise.allSettled(starting)).flatMap((start) =>
        'value' in start ? [start.value] : [],
      );
      await Promise.all([...idle, ...active, ...started].map((sandbox) => sandbox.stop()));
    },
  };
}

interface Invocation {
  one: LambdaFunction;
  sandbox: Sandbox;
  token: string;
  payload: string;
  requestId: string;
  log: LogStream;
}

/** Never rejects: an error, a dead process and a passed time-out are outcomes too. */
function invokeWithin(
  timers: Timers,
  clock: Clock,
  invocation: Invocation,
): Promise<Omit<Outcome, 'logTail'>> {
  const { one, sandbox, token, payload, requestId, log } = invocation;
  const { timeoutSeconds } = one.definition;
  const deadline = clock.now() + timeoutSeconds * 1000;
  return new Promise((resolve) => {
    const fail = (error: FunctionError) => {
      cancel();
      one.kills.delete(token);
      resolve({ payload: JSON.stringify(error.payload()), error });
    };
    const kill = () => {
      const errorMessage = `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`;
      log.write(`${errorMessage} Runtime.ExitError`);
      fail(new FunctionError({ errorType: 'Runtime.ExitError', errorMessage, fatal: true }));
    };
    one.kills.set(token, kill);
    const cancel = timers.after(timeoutSeconds * 1000, () => {
      const text = `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`;
      log.write(`${new Date(clock.now()).toISOString()} ${requestId} ${text}`);
      const errorMessage = `RequestId: ${requestId} Error: ${text}`;
      fail(new FunctionError({ errorType: 'Sandbox.Timedout', errorMessage, fatal: true }));
    });
    sandbox.invoke(JSON.parse(payload), { requestId, deadline }).then(
      (result) => {
        cancel();
        one.kills.delete(token);
        resolve({ payload: JSON.stringify(result) ?? 'null' });
      },
      (thrown) => fail(functionError(thrown)),
    );
  });
}

/** A function has its reserved concurrency to itself; all others share what nobody reserved. */
function refuseAboveLimit(one: LambdaFunction, all: LambdaFunction[], concurrency: number): void {
  const reserved = one.definition.reservedConcurrency;
  const shared = all.filter(({ definition }) => definition.reservedConcurrency === undefined);
  const reservations = all.reduce((sum, { definition }) => sum + (definition.reservedConcurrency ?? 0), 0);
  const running =
    reserved === undefined ? shared.reduce((sum, other) => sum + other.running, 0) : one.running;
  if (running < (reserved ?? concurrency - reservations)) return;
  throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', 429);
}

function report(one: LambdaFunction, requestId: string, ms: number, initMs: number | undefined): string {
  const parts = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${ms.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(ms + (initMs ?? 0))} ms`,
    `Memory Size: ${one.definition.memoryMegabytes} MB`,
    ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
  ];
  return parts.join('\t');
}
