import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hostAddress } from '../network/addresses.ts';
import type { Network } from '../network/network.ts';
import { endSession, record, startTime } from '../network/processes.ts';
import { enterUserNamespace } from '../network/user-namespace.ts';
import type { Host, HostCommand, Hosts, RunResult } from '../ports.ts';

const maxOutputCharacters = 24_000;
const launchTimeoutMs = 10_000;

/** What the agent's scripts get, and nothing of the region's own environment. */
const agentEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  AWS_SSM_REGION_NAME: 'ap-northeast-1',
};

/**
 * Hosts made of namespaces on this machine, each with its own processes, network and system folders, and
 * the machine's installed Squid, not running. Needs root, be it that of a user namespace.
 */
export function createNamespaceHosts(network: Network): Hosts {
  const launched = new Map<string, number>();
  return {
    async launch({ instanceId, zone }) {
      const nth = launched.get(zone) ?? 0;
      launched.set(zone, nth + 1);
      const address = hostAddress(zone, nth);
      let host = await launch(network, instanceId, address);
      return {
        ...{ instanceId, address },
        run: (command) => host.run(command),
        accepts: (port, timeoutMs) => host.accepts(port, timeoutMs),
        stop: () => host.stop(),
        start: () => host.start(),
        terminate: () => host.terminate(),
        async replaceRootVolume() {
          await host.terminate();
          host = await launch(network, instanceId, address);
        },
      };
    },
  };
}

/** Only the first process outlives it; what lies in memory goes, but for the folders that a boot makes. */
const stopScript = `kill -KILL -1
  # What is killed takes a moment to be gone, and its port with it.
  for tries in $(seq 500); do
    set -- /proc/[0-9]*
    [ $# -le 2 ] && break
    sleep 0.02
  done
  find /run /tmp /dev/shm -mindepth 1 -delete
  mkdir -p /run/lock /run/shoal-region`;

const startScript = '! systemctl -q is-enabled squid || exec systemctl start squid';

/**
 * The command that enters a host of the region in `directory`, to be followed by what to run there. Works
 * from any process. Throws when there is no such host.
 */
export function enterHost(directory: string, instanceId: string): string[] {
  const pid = hostPid(directory, instanceId);
  // What enters has to be born in the namespace of processes that `pid` made for its children.
  const namespaces = ['-n', '-m', '-i', '-u', `--pid=/proc/${pid}/ns/pid_for_children`];
  return [...enterUserNamespace(pid), 'nsenter', '-t', String(pid), ...namespaces, '--'];
}

function hostPid(directory: string, instanceId: string): number {
  try {
    const { pid, started } = JSON.parse(readFileSync(join(directory, 'hosts', `${instanceId}.json`), 'utf8'));
    if (startTime(pid) === started) return pid;
  } catch {}
  throw new Error(`no host ${instanceId} runs`);
}

async function launch(
  network: Network,
  instanceId: string,
  address: string,
): Promise<Omit<Host, 'replaceRootVolume'>> {
  const { directory } = network;
  const program = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const name = `ip-${address.replaceAll('.', '-')}`;
  const holder = spawn(
    'unshare',
    [
      ...['--net', '--mount', '--pid', '--fork', '--ipc', '--uts', '--mount-proc', '--kill-child'],
      ...['--propagation', 'private'],
      ...['bash', program('init.sh'), directory, name, address, program('systemctl.sh')],
    ],
    { stdio: 'pipe', detached: true, env: agentEnvironment, cwd: '/' },
  );
  // Listened for from the start: a host that ends early must not be waited for forever.
  const ended = new Promise<void>((resolve) => {
    holder.once('exit', () => resolve());
    holder.once('error', () => resolve());
  });
  holder.stdin.on('error', () => {});
  try {
    await untilReady(holder);
    const pid = holder.pid!;
    const forget = record(directory, pid);
    await network.attach(pid, address);
    const file = join(directory, 'hosts', `${instanceId}.json`);
    mkdirSync(join(directory, 'hosts'), { recursive: true });
    writeFileSync(file, JSON.stringify({ pid, started: startTime(pid) }));
    const inHost = async (script: string) => {
      const [program, ...enter] = enterHost(directory, instanceId);
      const options = { cwd: '/', env: agentEnvironment };
      await promisify(execFile)(program!, [...enter, 'sh', '-c', script], options);
    };
    let scripts = 0;
    return {
      instanceId,
      address,
      run: (command) => run(directory, instanceId, ++scripts, command),
      accepts: (port, timeoutMs) => network.accepts(address, port, timeoutMs),
      stop: () => inHost(stopScript),
      start: () => inHost(startScript),
      async terminate() {
        rmSync(file, { force: true });
        holder.stdin.destroy();
        await ended;
        forget();
      },
    };
  } catch (cause) {
    holder.kill('SIGKILL');
    throw new Error(`launching host ${instanceId}`, { cause });
  }
}

async function untilReady(holder: ChildProcess): Promise<void> {
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  const failure = await new Promise<string | null>((resolve) => {
    timer = setTimeout(() => resolve('the host is not ready in time'), launchTimeoutMs);
    const hear = (chunk: Buffer) => {
      output += chunk;
      if (output.endsWith('ready\n')) resolve(null);
    };
    holder.stdout!.on('data', hear);
    holder.stderr!.on('data', hear);
    holder.once('error', (error) => resolve(error.message));
    holder.once('exit', () => resolve('the host ended'));
  });
  clearTimeout(timer);
  if (failure !== null) throw new Error(`${failure}: ${output.trim()}`);
}

/**
 * Runs a script as the agent would. Output goes to files, so that a daemon which keeps them open keeps
 * nobody waiting; all of the script's processes share a session, by which they are found at a time-out, while
 * a daemon has left it.
 */
async function run(
  directory: string,
  instanceId: string,
  nth: number,
  command: HostCommand,
): Promise<RunResult> {
  const enter = enterHost(directory, instanceId);
  const script = `/run/shoal-region/script-${nth}`;
  const inHost = `/proc/${hostPid(directory, instanceId)}/root${script}`;
  const outputs = ['out', 'err'].map((end) => join(directory, 'hosts', `${instanceId}-${nth}.${end}`));
  const [stdout, stderr] = outputs.map((file) => openSync(file, 'w+')) as [number, number];
  try {
    writeFileSync(inHost, command.script, { mode: 0o700 });
    const child = spawn(enter[0]!, [...enter.slice(1), script], {
      stdio: ['ignore', stdout, stderr],
      detached: true,
      env: { ...agentEnvironment, AWS_SSM_INSTANCE_ID: instanceId },
      cwd: '/',
    });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endSession(child.pid!);
    }, command.timeoutMs);
    command.signal?.addEventListener('abort', () => child.exitCode ?? endSession(child.pid!));
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 137));
    }).finally(() => clearTimeout(timer));
    return { exitCode, stdout: read(stdout), stderr: read(stderr), timedOut };
  } catch (cause) {
    throw new Error(`running ${command.documentName} on ${instanceId}`, { cause });
  } finally {
    for (const file of [inHost, ...outputs]) rmSync(file, { force: true });
    closeSync(stdout);
    closeSync(stderr);
  }
}

function read(file: number): string {
  const buffer = Buffer.alloc(4 * maxOutputCharacters);
  const length = readSync(file, buffer, 0, buffer.length, 0);
  return buffer.toString('utf8', 0, length).slice(0, maxOutputCharacters);
}
