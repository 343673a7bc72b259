import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandInput } from '../cli.ts';
import type { DaemonMessage } from '../daemon.ts';
import { createOverview } from '../overview.ts';
import type { RegionOptions } from '../region.ts';
import { daemonLogFile, defaultPort, readRecord, removeState, stateDirectory } from '../state.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** Starts a region in the background and returns when its fleet serves. */
export async function up({ port, options }: CommandInput): Promise<number> {
  const pace = options.pace ?? 'fast';
  if (pace !== 'fast' && pace !== 'real') throw new Error(`--pace is fast or real, not ${String(pace)}`);
  const directory = stateDirectory(port);
  if (readRecord(directory)?.alive) {
    const other = 'npm run region -- down ends it, --port starts another one';
    throw new Error(`a region runs on port ${port} already: ${other}`);
  }
  const packageDirectory = resolve(String(options.package ?? project));
  const started = Date.now();
  const progress = (line: string) => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(5);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  try {
    await startDaemon({ port, pace, packageDirectory, stateDirectory: directory }, progress);
  } catch (error) {
    if (!readRecord(directory)?.alive) await removeState(directory);
    throw error;
  }
  progress('the fleet serves');
  const overview = await createOverview(`http://127.0.0.1:${port}`, 'demo')();
  process.stdout.write(howToUse(port, overview.instances[0]?.id ?? 'i-...'));
  return 0;
}

/**
 * The background process in a session of its own, its output in a file, so that nothing of the caller's
 * stays open. The channel is there until the fleet serves: a caller that dies before takes it along.
 */
function startDaemon(
  options: Omit<RegionOptions, 'progress'>,
  progress: (line: string) => void,
): Promise<void> {
  mkdirSync(options.stateDirectory, { recursive: true });
  const log = openSync(daemonLogFile(options.stateDirectory), 'a');
  const daemon = fork(join(project, 'region/daemon.ts'), [JSON.stringify(options)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  return new Promise((done, failed) => {
    daemon.on('message', (message) => {
      const { progress: line, ready, failed: reason } = message as DaemonMessage;
      if (line !== undefined) progress(line);
      if (reason !== undefined) failed(new Error(reason));
      if (!ready) return;
      daemon.disconnect();
      daemon.unref();
      done();
    });
    daemon.once('exit', (code, signal) => failed(new Error(`the region ended: ${signal ?? code}`)));
  });
}

function howToUse(port: number, instanceId: string): string {
  const at = port === defaultPort ? '' : ` --port ${port}`;
  const region = (command: string) => `npm run region -- ${command}`;
  return `
A fleet called demo runs behind a balancer. From an on-premises machine:

  npm run --silent region -- client${at} -- \\
    sh -c 'aws s3 ls s3://squid-test-bucket/'

Edit a parameter and see the fleet follow:

  ${region(`aws${at} ssm put-parameter --overwrite \\`)}
    --name /shoal/demo/allowed-cidrs --value 172.31.0.0/24,192.168.7.0/24
  ${region(`status${at}`)}
  ${region(`logs${at} reconcile -f`)}

Look around:

  ${region(`aws${at} autoscaling describe-auto-scaling-instances`)}
  ${region(`shell${at} ${instanceId}`)}
  eval "$(npm run --silent region -- env${at})"

End it:

  ${region(`down${at}`)}
`;
}
