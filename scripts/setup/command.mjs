import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ancestors, parentOf } from './ancestors.mjs';
import { Stop } from './say.mjs';

/** How often the process that started npm's shell is looked for, and how long the command may take to end. */
const watchMs = 500;
const graceMs = 15_000;

// Read at once: who is gone by the time that the command runs can't be watched any more.
const [parent, grandparent] = ancestors();

/**
 * Runs `command` with `node` and the project's own programs first in PATH, and ends as it ends. Signals are
 * passed on. npm passes none on: when it has gone, the command is ended too.
 */
export async function runCommand(root, node, [command, ...args]) {
  const path = [join(root, 'node_modules/.bin'), dirname(node), process.env.PATH].join(delimiter);
  let child;
  // Before the command runs, which may send a signal as its first act.
  // Ctrl-C reaches every process of the terminal by itself; a second one would make many programs give up.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child = spawn(command === 'node' ? node : command, args, {
    stdio: 'inherit',
    // Programs start in half the time when Node need not strip their types anew.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'), ...process.env, PATH: path },
  });
  watchNpm(child);
  const [status, signal] = await new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Stop(`${command} can't be started: ${error.message}`)));
    child.on('exit', (...ended) => resolve(ended));
  });
  process.exit(signal ? 128 + constants.signals[signal] : status);
}

function watchNpm(child) {
  if (!process.env.npm_lifecycle_event) return;
  // npm starts a shell, which may or may not have become this process.
  const timer = setInterval(() => {
    if (process.ppid === parent && (!grandparent || parentOf(parent) === grandparent)) return;
    clearInterval(timer);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), graceMs).unref();
  }, watchMs);
  timer.unref();
}
