import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DaemonMessage } from './daemon.ts';
import { startTime } from './network/processes.ts';
import { isOrdinaryUser, newUserNamespace } from './network/user-namespace.ts';
import type { RegionOptions } from './region.ts';
import { claimFile, daemonLogFile, readRecord, removeState } from './state.ts';

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

const asRootOfItsOwn = {
  execPath: newUserNamespace[0],
  execArgv: [...newUserNamespace.slice(1), process.execPath],
  // An ordinary user's own leaves out the administrator's programs.
  env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
};

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
  const unclaim = claim(port, stateDirectory);
  if (readRecord(stateDirectory)?.alive) {
    unclaim();
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
    ...(isOrdinaryUser() && !options.simulated && asRootOfItsOwn),
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
    if (heard.deployed) {
      unclaim();
      deployed.resolve();
    }
    if (heard.ready) ready.resolve();
    const { failed } = heard;
    if (failed !== undefined) void removeDead(stateDirectory).then(() => fail(failed));
  });
  const ended = new Promise<void>((resolve) => {
    daemon.once('exit', (code, signal) => {
      void removeDead(stateDirectory).then(() => {
        unclaim();
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

/**
 * Until its record is written, a region that starts is known by this alone: a second one on the same port
 * would take its folder for what a dead one has left. Throws while the process that claims it lives.
 */
function claim(port: number, stateDirectory: string): () => void {
  const file = claimFile(stateDirectory);
  for (let tries = 0; tries < 2; tries++) {
    try {
      writeFileSync(file, `${process.pid} ${startTime(process.pid)}`, { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const [pid, started] = readFileSync(file, 'utf8').split(' ');
    if (pid === '' || startTime(Number(pid)) === started) break;
    rmSync(file, { force: true });
  }
  throw new Error(`a region is being started on port ${port}: wait for it, or --port starts another one`);
}

async function removeDead(stateDirectory: string): Promise<void> {
  if (!readRecord(stateDirectory)?.alive) await removeState(stateDirectory);
}
