import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DaemonMessage } from './daemon.ts';
import type { RegionOptions } from './region.ts';
import { daemonLogFile, readRecord, removeState } from './state.ts';

/** A region in a process of its own. It ends with the process that started it, until it is released. */
export interface Background {
  /** Resolves when both stacks are deployed; the first instances are still to come. */
  deployed: Promise<void>;
  /** Resolves when the fleet serves. */
  ready: Promise<void>;
  /** From now on the region outlives this process. Safe twice. */
  release(): void;
  /** Ends it, at whatever point it is, and removes everything. Safe twice. */
  end(): Promise<void>;
}

const endTimeoutMs = 20_000;

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
    const heard = message as DaemonMessage;
    if (heard.progress !== undefined) progress(heard.progress);
    if (heard.deployed) deployed.resolve();
    if (heard.ready) ready.resolve();
    const { failed } = heard;
    if (failed !== undefined) void removeDead(stateDirectory).then(() => fail(failed));
  });
  const ended = new Promise<void>((resolve) => {
    daemon.once('exit', (code, signal) => {
      void removeDead(stateDirectory).then(() => {
        fail(`the region ended: ${signal ?? code}`);
        resolve();
      });
    });
  });
  return {
    deployed: deployed.promise,
    ready: ready.promise,
    release() {
      daemon.unref();
      if (daemon.connected) daemon.send('release', () => daemon.connected && daemon.disconnect());
    },
    async end() {
      daemon.kill('SIGTERM');
      // Its processes are on the record, so what hangs can be removed without its help.
      const timer = setTimeout(() => daemon.kill('SIGKILL'), endTimeoutMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function removeDead(stateDirectory: string): Promise<void> {
  if (!readRecord(stateDirectory)?.alive) await removeState(stateDirectory);
}
