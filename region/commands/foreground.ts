import { type ChildProcess, spawn } from 'node:child_process';
import { exitStatus } from '../network/client.ts';

/** Runs a program with this command's own streams; resolves to its exit status. */
export async function runInForeground(
  program: string,
  words: string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return await exitOf(spawn(program, words, { stdio: 'inherit', env }));
}

/** Waits for a child that stands for this command: signals go to it, and its exit status comes back. */
export async function exitOf(child: ChildProcess): Promise<number> {
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) {
    // From a terminal, these two reach the child by themselves, as a member of the same process group.
    const shared = process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT');
    process.on(signal, () => shared || child.kill(signal));
  }
  return await new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new Error(`${child.spawnfile} isn't installed`) : error);
    });
    child.once('exit', (code, signal) => resolve(exitStatus(code, signal)));
  });
}
