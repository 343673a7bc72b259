import { type ChildProcess, execFile, type StdioOptions, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { balancerAddress, clientInterfacePrefix, routerAddress, s3Name } from './addresses.ts';
import { vpcPid } from './network.ts';
import { marker, record } from './processes.ts';
import { enterUserNamespace } from './user-namespace.ts';

export const defaultClientAddress = '172.31.0.10';

export interface ClientOptions {
  /** An address of 172.16.0.0/12 or 192.168.0.0/16; 172.31.0.10 by default. */
  from?: string;
  /** The program and its arguments. */
  command: string[];
  stdio?: StdioOptions;
  /** Variables besides the client's own, which they override. */
  env?: Record<string, string>;
}

/**
 * Starts a command as an on-premises machine of the region in `directory`: it sees this machine's files and
 * programs, and of the network only the region's resolver and the balancer. Works from any process. The
 * child that comes back is the command itself, so its output, its status and signals to it are its own.
 *
 * Machines with the same address share its network, so several run at once; each sees its own mounts.
 */
export async function startClient(directory: string, options: ClientOptions): Promise<ChildProcess> {
  const from = options.from ?? defaultClientAddress;
  if (!isOnPremises(from)) {
    throw new Error(`a client's address lies in 172.16.0.0/12 or 192.168.0.0/16, and ${from} does not`);
  }
  const machine = await ensureMachine(directory, from);
  const files = [marker, 'etc-hosts', 'nsswitch.conf'].map((name) => join(directory, name));
  const script =
    'set -e; mount --bind "$1" /etc/resolv.conf; mount --bind "$2" /etc/hosts; ' +
    'mount --bind "$3" /etc/nsswitch.conf; shift 3; exec "$@"';
  const enter = enterUserNamespace(machine);
  const child = spawn(
    enter[0] ?? 'nsenter',
    [
      ...(enter.length > 0 ? [...enter.slice(1), 'nsenter'] : []),
      ...[`--net=/proc/${machine}/ns/net`, 'unshare', '--mount', '--propagation', 'private'],
      ...['sh', '-c', script, 'sh', ...files, ...options.command],
    ],
    { stdio: options.stdio ?? 'inherit', env: { ...clientEnvironment(directory), ...options.env } },
  );
  const forget = child.pid === undefined ? () => {} : record(directory, child.pid);
  child.once('exit', forget);
  return child;
}

export interface ClientResult {
  /** As a shell gives it: 128 and the signal's number when a signal ended the command. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a command as `startClient` does, without input, and collects what it prints. */
export async function runAsClient(
  directory: string,
  options: Omit<ClientOptions, 'stdio'>,
): Promise<ClientResult> {
  const child = await startClient(directory, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr!.setEncoding('utf8').on('data', (chunk) => {
    output.stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ exitCode: exitStatus(code, signal), ...output });
    });
  });
}

/** An exit status as a shell gives it. */
export function exitStatus(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

/** What the environment of every client says; of the caller's, nothing that names another proxy or account. */
export function clientEnvironment(directory: string): Record<string, string> {
  const foreign = /^(AWS_(?!MAX_ATTEMPTS|RETRY_MODE|PAGER)|(https?|all|no)_proxy$)/i;
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name)) as [string, string][];
  const proxy = `http://${balancerAddress}:3128`;
  const authority = join(directory, 'ca.pem');
  const variables: Record<string, string> = {
    PROXY: proxy,
    S3_ENDPOINT: `https://${s3Name}`,
    HTTPS_PROXY: proxy,
    HTTP_PROXY: proxy,
    NO_PROXY: 'localhost,127.0.0.1',
    CURL_CA_BUNDLE: authority,
    SSL_CERT_FILE: authority,
    AWS_CA_BUNDLE: authority,
    NODE_EXTRA_CA_CERTS: authority,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'ap-northeast-1',
    AWS_DEFAULT_REGION: 'ap-northeast-1',
  };
  for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'])
    variables[name.toLowerCase()] = variables[name]!;
  return { ...Object.fromEntries(own), ...variables };
}

function isOnPremises(address: string): boolean {
  if (!isIPv4(address)) return false;
  const [first, second = 0] = address.split('.').map(Number);
  return (first === 172 && second >= 16 && second < 32) || (first === 192 && second === 168);
}

/**
 * The process that holds the network namespace of the machine with this address; made when there is none
 * yet, under a lock, since clients come from many processes. It ends within a second of the VPC.
 */
async function ensureMachine(directory: string, address: string): Promise<number> {
  const vpc = vpcPid(directory);
  const folder = join(directory, 'clients');
  mkdirSync(folder, { recursive: true });
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  const link = `${clientInterfacePrefix}${bytes.join('')}`;
  const script = `
    holder=$(cat ${address} 2>/dev/null || true)
    if [ -z "$holder" ] || ! kill -0 "$holder" 2>/dev/null; then
      setsid unshare --net tail --pid=${vpc} -f /dev/null </dev/null >/dev/null 2>&1 &
      holder=$!
      while [ "$(readlink /proc/$holder/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
      nsenter -t ${vpc} -n ip -batch - <<END
link add ${link} type veth peer name eth0 netns $holder
link set ${link} up
route add ${address}/32 dev ${link}
END
      nsenter -t $holder -n ip -batch - <<END
link set lo up
address add ${address}/32 dev eth0
link set eth0 up
route add default via ${routerAddress} dev eth0 onlink
END
      echo $holder >${address}
    fi
    echo $holder`;
  try {
    const locked = ['flock', '-o', join(folder, 'lock'), 'sh', '-ec', script];
    const [program, ...words] = [...enterUserNamespace(vpc), ...locked] as [string, ...string[]];
    const { stdout } = await promisify(execFile)(program, words, { cwd: folder });
    const pid = Number(stdout);
    record(directory, pid);
    return pid;
  } catch (cause) {
    throw new Error(`making a client with the address ${address}`, { cause });
  }
}
