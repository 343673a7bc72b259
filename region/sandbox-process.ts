import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { FunctionError } from './function-error.ts';
import type { FunctionSpec, Sandbox, Sandboxes } from './ports.ts';

const RUNTIME = fileURLToPath(new URL('./sandbox-runtime.mjs', import.meta.url));
const SET_PRIVILEGES = '/usr/bin/setpriv';
const INIT_TIMEOUT_MS = 10_000;

type Failure = { errorType: string; errorMessage: string; trace?: string[] };
type Answer = { ready?: true; initError?: Failure; result?: string; error?: Failure };

/**
 * Sandboxes as AWS has them: the unzipped bundle in a Node process of its own, with Lambda's environment and
 * nothing of this machine's, kept warm between invocations, one event at a time.
 */
export function createProcessSandboxes(): Sandboxes {
  return {
    async start(spec, log) {
      const child = startProcess(spec);
      const exited = new Promise<string>((resolve) => {
        child.once('error', (error) => resolve(error.message));
        child.once('exit', (code, signal) => resolve(signal ? `signal: ${signal}` : `exit status ${code}`));
      });
      const lines = followLog(child, log);
      const timer = setTimeout(() => child.kill('SIGKILL'), INIT_TIMEOUT_MS);
      const { initError } = await answerOf(child, exited).finally(() => clearTimeout(timer));
      if (initError) {
        child.kill('SIGKILL');
        throw new FunctionError({ ...initError, fatal: true });
      }
      return sandboxOf(spec, child, exited, lines);
    },
  };
}

function sandboxOf(
  spec: FunctionSpec,
  child: ChildProcess,
  exited: Promise<string>,
  lines: { until(line: string): Promise<void> },
): Sandbox {
  return {
    async invoke(event, { requestId, deadline }) {
      const endOfLog = `end-of-log ${randomUUID()}`;
      const logged = lines.until(endOfLog);
      const answered = answerOf(child, exited, requestId);
      child.send({ event, requestId, deadline, arn: spec.arn, endOfLog }, () => {});
      const { result, error } = await answered;
      await logged;
      if (error) throw new FunctionError(error);
      return JSON.parse(result ?? 'null');
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function startProcess(spec: FunctionSpec): ChildProcess {
  const heap = `--max-old-space-size=${Math.floor(spec.memoryMegabytes * 0.9)}`;
  const command = [process.execPath, heap, RUNTIME];
  // The process hears of the region's end on its channel, but not while the function is in a busy loop.
  if (existsSync(SET_PRIVILEGES)) command.unshift(SET_PRIVILEGES, '--pdeathsig', 'KILL', '--');
  return spawn(command[0]!, command.slice(1), {
    cwd: spec.directory,
    env: environmentOf(spec),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

/** Lambda's environment; the region adds credentials and its endpoint to the function's own variables. */
function environmentOf(spec: FunctionSpec): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: '/home/sbx_user1051', // Absent, as on AWS: the SDK must not find this user's own ~/.aws.
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    LAMBDA_TASK_ROOT: spec.directory,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    _HANDLER: spec.handler,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMegabytes),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${spec.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `[$LATEST]${randomUUID().replaceAll('-', '')}`,
    ...spec.environment,
  };
}

/** The next message of the process. Rejects when the process ends first. */
async function answerOf(child: ChildProcess, exited: Promise<string>, requestId?: string): Promise<Answer> {
  const answer = new Promise<Answer>((resolve) =>
    child.once('message', (message) => resolve(message as Answer)),
  );
  const death = exited.then((how): never => {
    const errorMessage = `${requestId ? `RequestId: ${requestId} ` : ''}Error: Runtime exited with error: ${how}`;
    throw new FunctionError({ errorType: 'Runtime.ExitError', errorMessage, fatal: true });
  });
  return await Promise.race([answer, death]);
}

/** Hands each line of the process to `log`; `until` waits for a line that is a mark and no log. */
function followLog(child: ChildProcess, log: (line: string) => void) {
  const marks = new Map<string, () => void>();
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      const reached = marks.get(line);
      if (!reached) log(line);
      reached?.();
      marks.delete(line);
    });
    stream.on('close', () => {
      for (const reached of marks.values()) reached();
    });
  }
  return {
    until: (line: string) => new Promise<void>((resolve) => void marks.set(line, resolve)),
  };
}
