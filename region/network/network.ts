import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Balancer } from '../ports.ts';
import { balancerAddress, resolverAddress, routerAddress, vpcPrefixLength } from './addresses.ts';
import { createBalancer } from './balancer.ts';
import { createCertificates } from './certificates.ts';
import { cleanUp, marker, record, startTime } from './processes.ts';
import type { VpcMessage } from './vpc-process.ts';

/** The region's network, all of it inside namespaces of its own; the machine's own network has no part in it. */
export interface Network {
  readonly directory: string;
  readonly balancer: Balancer;
  readonly balancerAddress: string;
  /** Whether `address` accepts a TCP connection from the balancer within `timeoutMs`. */
  accepts(address: string, port: number, timeoutMs: number): Promise<boolean>;
  /** Connects the network namespace of process `pid` to the VPC, with this address. */
  attach(pid: number, address: string): Promise<void>;
  /** Ends every process of the region's network, hosts and clients, and removes `directory`. */
  close(): Promise<void>;
}

/**
 * Makes a VPC with a balancer, a resolver and an S3 endpoint. What other processes need to join it, such as
 * a client's, is written to `directory`, which is the network's own. Throws when a region runs there; what a
 * dead one left there is removed.
 */
export async function createNetwork(directory: string): Promise<Network> {
  if (runningVpc(directory) !== null) throw new Error(`a region runs in ${directory} already`);
  await cleanUp(directory);
  mkdirSync(directory, { recursive: true });
  const write = (name: string, lines: string[]) =>
    writeFileSync(join(directory, name), `${lines.join('\n')}\n`);
  write(marker, [`nameserver ${resolverAddress}`, 'options timeout:1 attempts:2']);
  write('etc-hosts', ['127.0.0.1 localhost', '::1 localhost']);
  // Files and DNS alone: other sources (a resolver's socket, mDNS) would reach out of the namespace.
  write('nsswitch.conf', ['passwd: files', 'group: files', 'shadow: files', 'hosts: files dns']);
  await createCertificates(directory);
  const vpc = await startVpc(directory);
  const pid = vpc.pid!;
  writeFileSync(join(directory, 'network.json'), JSON.stringify({ pid, started: startTime(pid) }));

  return {
    directory,
    balancer: createBalancer(pid),
    balancerAddress,
    accepts: connector(vpc),
    attach: (hostPid, address) => attach(pid, hostPid, address),
    close: () => cleanUp(directory),
  };
}

/** Stands in for the network of hosts that are simulated: nothing goes through it. */
export function withoutNetwork(directory: string): Network {
  return {
    directory,
    balancer: { route: async () => {} },
    balancerAddress,
    accepts: async () => false,
    attach: async () => {},
    close: async () => {},
  };
}

/** The process that holds the VPC's namespace. Throws when no region with real hosts runs in `directory`. */
export function vpcPid(directory: string): number {
  const pid = runningVpc(directory);
  if (pid === null) throw new Error(`no region with real hosts runs in ${directory}`);
  return pid;
}

function runningVpc(directory: string): number | null {
  try {
    const { pid, started } = JSON.parse(readFileSync(join(directory, 'network.json'), 'utf8'));
    return startTime(pid) === started ? pid : null;
  } catch {
    return null;
  }
}

async function startVpc(directory: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('vpc-process.ts', import.meta.url));
  const log = openSync(join(directory, 'vpc.log'), 'a');
  // In a session of its own, so that Ctrl-C reaches only the region, which then ends things in order.
  const vpc = spawn('unshare', ['--net', process.execPath, program, directory], {
    stdio: ['ignore', log, log, 'ipc'],
    detached: true,
  });
  closeSync(log);
  const message = await new Promise<VpcMessage>((resolve) => {
    vpc.once('message', (first) => resolve(first as VpcMessage));
    vpc.once('error', (error) => resolve({ error: error.message }));
    vpc.once('exit', () => resolve({ error: 'it ended, see below' }));
  });
  if ('error' in message) {
    vpc.kill('SIGKILL');
    const output = readFileSync(join(directory, 'vpc.log'), 'utf8');
    throw new Error(`making the region's network: ${message.error}\n${output}`.trim());
  }
  record(directory, vpc.pid!);
  // The region's life shouldn't depend on this channel being open.
  vpc.channel?.unref();
  vpc.unref();
  return vpc;
}

/** Asks the VPC's process to connect; a VPC that is gone accepts nothing. */
function connector(vpc: ChildProcess): Network['accepts'] {
  const waiting = new Map<number, (accepted: boolean) => void>();
  let lastId = 0;
  vpc.on('message', (message) => {
    const { id, accepted } = message as { id: number; accepted: boolean };
    waiting.get(id)?.(accepted);
    waiting.delete(id);
  });
  vpc.on('disconnect', () => {
    for (const answer of waiting.values()) answer(false);
    waiting.clear();
  });
  return (address, port, timeoutMs) => {
    if (!vpc.connected) return Promise.resolve(false);
    const id = ++lastId;
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      vpc.send({ id, address, port, timeoutMs }, (error) => error && resolve(false));
    });
  };
}

let interfaces = 0;

async function attach(vpc: number, pid: number, address: string): Promise<void> {
  // An address keeps its network interface, also when its host is given another disk.
  const hardware = ['02', '00', ...address.split('.').map((part) => Number(part).toString(16))].join(':');
  const script = `
    nsenter -t ${vpc} -n ip -batch - <<END
link add host${++interfaces} type veth peer name eth0 netns ${pid}
link set host${interfaces} master vpc up
END
    nsenter -t ${pid} -n ip -batch - <<END
link set lo up
address add ${address}/${vpcPrefixLength} dev eth0
link set eth0 address ${hardware} up
route add default via ${routerAddress}
END`;
  try {
    await promisify(execFile)('sh', ['-ec', script]);
  } catch (cause) {
    throw new Error(`connecting ${address} to the region's network`, { cause });
  }
}
