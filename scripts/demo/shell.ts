import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A command that runs. */
export interface Running {
  /** What it has printed so far. */
  printed(): string;
  /** Ends its input, as Ctrl-D does. */
  endInput(): void;
  /** Resolves when it has ended; rejects when it was interrupted. */
  ended: Promise<{ status: number | null; output: string }>;
}

export const project = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs a command as it stands on the screen, in a shell in the project's folder, where it also works when it is
 * pasted. Only npm's own part is cut short: its set-up has run already.
 */
export function startShell(text: string, signal: AbortSignal): Running {
  signal.throwIfAborted();
  const npm = 'npm() { while [ "$1" != -- ]; do shift; done; shift; "$NODE" region/cli.ts "$@"; }';
  // Through a pipe, since a command that writes to /dev/stdout can't open the socket that Node gives it.
  const child = spawn('bash', ['-o', 'pipefail', '-c', `${npm}\n{ ${text}\n} 2>&1 | cat`], {
    cwd: project,
    env: { ...process.env, NODE: process.execPath, INIT_CWD: project },
    stdio: ['pipe', 'pipe', 'inherit'],
    // A group of its own, so that an interruption reaches all of it.
    detached: true,
  });
  const stop = () => process.kill(-child.pid!, 'SIGTERM');
  signal.addEventListener('abort', stop);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
  });
  const end = async () => {
    const [status] = (await once(child, 'close')) as [number | null];
    signal.removeEventListener('abort', stop);
    signal.throwIfAborted();
    return { status, output: output.replace(/^\n+/, '').trimEnd() || `nothing, exit status ${status}` };
  };
  const ended = end();
  // Whoever runs it in the background may never come to wait for it.
  ended.catch(() => {});
  return { printed: () => output, endInput: () => child.stdin.end(), ended };
}
