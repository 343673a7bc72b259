import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import {
  balancerAddress,
  metadataAddress,
  resolverAddress,
  routerAddress,
  s3Address,
  s3Name,
  vpcPrefixLength,
} from './addresses.ts';
import { baseRules } from './balancer.ts';
import { startResolver } from './resolver.ts';
import { startS3 } from './s3.ts';

/**
 * The process that is the VPC: it is started inside a network namespace of its own and holds it, makes the
 * bridge and the rules, and serves what lives in the network: the resolver, S3, a metadata service that
 * should never be seen through a proxy, and the balancer's connects to its targets.
 *
 * It talks to the region over IPC and ends when the region does.
 */
export interface ConnectRequest {
  id: number;
  address: string;
  port: number;
  timeoutMs: number;
}
export type VpcMessage = { ready: true } | { error: string } | { id: number; accepted: boolean };

const directory = process.argv[2] ?? '';
const send = (message: VpcMessage) => process.send?.(message);

process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, address, port, timeoutMs }: ConnectRequest) => {
  void accepts(address, port, timeoutMs).then((accepted) => send({ id, accepted }));
});
try {
  setUpNetwork();
  await startServices();
  send({ ready: true });
} catch (error) {
  send({ error: error instanceof Error ? error.message : String(error) });
}

function setUpNetwork(): void {
  const links = [
    'link set lo up',
    // Without an address of its own it takes another one as hosts join, and its neighbours lose their way.
    'link add vpc address 02:00:0a:00:00:01 type bridge',
    `address add ${routerAddress}/${vpcPrefixLength} dev vpc`,
    `address add ${resolverAddress}/32 dev vpc`,
    `address add ${balancerAddress}/32 dev vpc`,
    `address add ${s3Address}/32 dev lo`,
    `address add ${metadataAddress}/32 dev lo`,
    'link set vpc up',
  ];
  execFileSync('ip', ['-batch', '-'], { input: links.join('\n'), stdio: 'pipe' });
  execFileSync('nft', ['-f', '-'], { input: baseRules, stdio: 'pipe' });
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  // A packet in the middle of a flow that was forgotten must not count as the beginning of a new one.
  writeFileSync('/proc/sys/net/netfilter/nf_conntrack_tcp_loose', '0');
}

async function startServices(): Promise<void> {
  const file = (name: string) => readFileSync(join(directory, name));
  await startS3({ address: s3Address, name: s3Name, key: file('s3.key'), certificate: file('s3.pem') });
  await startResolver(resolverAddress, (name) =>
    name === s3Name || name.endsWith(`.${s3Name}`) ? s3Address : null,
  );
  const metadata = createServer((_request, response) => response.end('SHOAL-FAKE-METADATA\n'));
  await new Promise<void>((resolve, reject) => {
    metadata.once('error', reject);
    metadata.listen(80, metadataAddress, resolve);
  });
}

function accepts(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress: balancerAddress });
    const timer = setTimeout(() => done(false), timeoutMs);
    function done(accepted: boolean) {
      clearTimeout(timer);
      socket.destroy();
      resolve(accepted);
    }
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
