import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DaemonMessage } from './daemon.ts';
import { startTime } from './network/processes.ts';
import type { RegionOptions } from './region.ts';
import { daemonLogFile, type RegionRecord, readRecord, removeState } from './state.ts';

/** A region in a process of its own. It ends with the process that started it, until it is released. */
export interface Background {
  /** Resolves when both stacks are deployed; the first instances are still to come. */
  deployed: Promise<void>;
  /** Resolves when the fleet serves. */
  ready: Promise<void>;
  /** From now on the region outlives this process. Safe twice. */
  release(): void;
}

/**
 * Starts it in a session of its own, its output in a file, so that nothing of the caller's stays open.
 * Throws when a region runs there already; both promises reject when it fails, and of one that ended
 * nothing is left then.
 */
export function startInBackground(
  options: Omit<RegionOptions, 'progress'>,
  progress: (line: string) => void,
): Background {
  const { port, stateDirectory } = options;
  if (readRecord(stateDirectory)?.alive) {
    const other = 'npm run region -- down ends it, --port starts another one';
    throw new Error(`a region runs on port ${port} already: ${other}`);
  }
  mkdirSync(stateDirectory, { recursive: true });
  const log = openSync(daemonLogFile(stateDirectory), 'a');
  const program = fileURLToPath(new URL('daemon.ts', import.meta.url));
  const daemon = fork(program, [JSON.stringify(options)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const deployed = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const fail = (reason: string) => {
    for (const { reject } of [deployed, ready]) reject(new Error(reason));
  };
  // Who waits for one of the two doesn't have to wait for the other.
  for (const { promise } of [deployed, ready]) promise.catch(() => {});
  daemon.on('message', (message) => {
    const { progress: line, failed } = message as DaemonMessage;
    if (line !== undefined) progress(line);
    if ((message as DaemonMessage).deployed) deployed.resolve();
    if ((message as DaemonMessage).ready) ready.resolve();
    if (failed !== undefined) void removeDead(stateDirectory).then(() => fail(failed));
  });
  daemon.once('exit', (code, signal) => {
    void removeDead(stateDirectory).then(() => fail(`the region ended: ${signal ?? code}`));
  });
  return {
    deployed: deployed.promise,
    ready: ready.promise,
    release() {
      daemon.unref();
      if (daemon.connected) daemon.send('release', () => daemon.connected && daemon.disconnect());
    },
  };
}

async function removeDead(stateDirectory: string): Promise<void> {
  if (!readRecord(stateDirectory)?.alive) await removeState(stateDirectory);
}

const endTimeoutMs = 20_000;

/** Ends the region of the directory and removes all of it, also what a killed one has left. False if there is none. */
export async function endRegion(stateDirectory: string): Promise<boolean> {
  const record = readRecord(stateDirectory);
  if (record?.alive) await endProcess(record);
  await removeState(stateDirectory);
  return record !== undefined;
}

async function endProcess({ pid, started }: RegionRecord): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (const start = Date.now(); startTime(pid) === started; ) {
    // Its processes are on the record, so a region that hangs can be removed without its help.
    if (Date.now() - start > endTimeoutMs) return void process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
