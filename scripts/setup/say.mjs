import { spawn } from 'node:child_process';

/** One line for the person at the terminal. Standard output belongs to the command that is run. */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/** A reason to stop that is not a fault of set-up itself: it is printed without a stack. */
export class Stop extends Error {}

/**
 * Runs a program with its output on standard error, and says what is being done when that takes more than
 * two seconds. @throws Stop when it fails, with its output unless that was shown already.
 */
export async function runWithProgress(what, command, args, options = {}) {
  const startedAt = Date.now();
  let output = '';
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child.stdout?.on('data', (data) => {
    output += data;
  });
  child.stderr?.on('data', (data) => {
    output += data;
  });
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  const first = setTimeout(() => say(`${what} …`), 2000);
  const more = setInterval(() => say(`${what} … ${seconds()} s`), 10_000);
  const [status, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...ended) => resolve(ended));
  }).finally(() => {
    clearTimeout(first);
    clearInterval(more);
  });
  if (status !== 0)
    throw new Stop(`${what} failed (${signal ?? `exit status ${status}`})\n${output.trimEnd()}`);
  if (seconds() >= 2) say(`${what}: done in ${seconds()} s`);
}
