import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createNamespaceHosts } from '../../region/hosts/namespaces.ts';
import { runAsClient, startClient } from '../../region/network/client.ts';
import { createNetwork, type Network } from '../../region/network/network.ts';
import type { Host } from '../../region/ports.ts';

const directory = join(tmpdir(), `shoal-network-${process.pid}`);
let network: Network;
let hosts: [Host, Host];

const squidConf = `http_port 3128
acl clients src 172.31.0.0/24
http_access allow clients
http_access deny all
access_log stdio:/var/log/squid/access.log
pinger_enable off
shutdown_lifetime 0 seconds`;

/**
 * Answers whatever comes with the host's name, on port 5000, as a daemon. In Perl, which is part of every Debian:
 * a host has folders of its own in place of this machine's, and Node may lie in one of them.
 */
const echo = `use IO::Socket::INET; use Sys::Hostname; $SIG{CHLD} = "IGNORE"; $SIG{PIPE} = "IGNORE";
my $server = IO::Socket::INET->new(Listen => 64, LocalPort => 5000, ReuseAddr => 1) or die;
while (my $c = $server->accept) { next if fork; $c->autoflush(1); while (sysread $c, my $x, 64) { print $c hostname(), "\\n" } exit }`;

/** Connects to the balancer and sends a line whenever one comes in; prints the answers, or RESET. */
const talk = `const c = require('net').connect(+process.argv[1], '10.0.0.10');
c.on('data', (d) => process.stdout.write(d));
c.on('error', (e) => { console.log(e.code); process.exit(); });
process.stdin.on('data', (d) => c.write(d)).on('end', () => c.end());`;

beforeAll(async () => {
  network = await createNetwork(directory);
  const launcher = createNamespaceHosts(network);
  const launch = (id: string, zone: string) => launcher.launch({ instanceId: id, zone });
  hosts = await Promise.all([launch('i-0a', 'ap-northeast-1a'), launch('i-0c', 'ap-northeast-1c')]);
  const script = `cat >/etc/squid/squid.conf <<'END'\n${squidConf}\nEND
    systemctl start squid
    setsid perl -e '${echo}' &
    until ss -Hltn | grep -q :5000; do sleep 0.02; done`;
  const started = await Promise.all(hosts.map((host) => run(host, script)));
  expect(started.map((result) => result.exitCode)).toEqual([0, 0]);
  await network.balancer.route(3128, [{ address: hosts[0].address, port: 3128 }]);
}, 30_000);
afterAll(() => network.close());

function run(host: Host, script: string) {
  return host.run({
    documentName: 'test',
    parameters: {},
    script: `#!/bin/bash\n${script}`,
    timeoutMs: 20_000,
  });
}

const asClient = (script: string, from?: string) =>
  runAsClient(directory, { command: ['bash', '-c', script], ...(from && { from }) });

const routeEcho = (targets: Host[], reset: string[] = []) =>
  network.balancer.route(
    5001,
    targets.map(({ address }) => ({ address, port: 5000 })),
    reset,
  );

async function openConnection() {
  const child = await startClient(directory, {
    command: [process.execPath, '-e', talk, '5001'],
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    async say(): Promise<string | undefined> {
      child.stdin!.write('x');
      return (await lines.next()).value;
    },
    async close() {
      child.stdin!.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

const nameOf = (host: Host) => `ip-${host.address.replaceAll('.', '-')}`;

describe('the balancer', () => {
  test('spreads new connections over its targets', async () => {
    await routeEcho(hosts);
    const connections = await Promise.all([1, 2, 3, 4].map(openConnection));
    const answers = await Promise.all(connections.map((connection) => connection.say()));
    expect(answers.map(String).sort()).toEqual([hosts[0], hosts[0], hosts[1], hosts[1]].map(nameOf).sort());
    await Promise.all(connections.map((connection) => connection.close()));
  });

  test('keeps established flows of a target that was removed', async () => {
    await routeEcho([hosts[0]]);
    const before = await openConnection();
    expect(await before.say()).toBe(nameOf(hosts[0]));
    await routeEcho([hosts[1]]);
    const after = await openConnection();
    expect([await before.say(), await after.say()]).toEqual([nameOf(hosts[0]), nameOf(hosts[1])]);
    await Promise.all([before.close(), after.close()]);
  });

  test('resets the flows of the named target alone', async () => {
    await routeEcho(hosts);
    const connections = [await openConnection(), await openConnection()];
    const answers = await Promise.all(connections.map((connection) => connection.say()));
    expect(answers.map(String).sort()).toEqual(hosts.map(nameOf).sort());
    await routeEcho([hosts[1]], [hosts[0].address]);
    const later = await Promise.all(connections.map((connection) => connection.say()));
    expect(later.map(String).sort()).toEqual(['ECONNRESET', nameOf(hosts[1])]);
    await Promise.all(connections.map((connection) => connection.close()));
  });

  test('resets flows also of a target that stays', async () => {
    await routeEcho([hosts[1]]);
    const connection = await openConnection();
    expect(await connection.say()).toBe(nameOf(hosts[1]));
    await routeEcho([hosts[1]], [hosts[1].address]);
    expect(await connection.say()).toBe('ECONNRESET');
    await connection.close();
  });

  test('resets nothing without complaint where nothing flows', async () => {
    await expect(routeEcho([hosts[1]], ['10.0.99.99'])).resolves.toBeUndefined();
  });

  test('refuses connections at once without a target', async () => {
    await routeEcho([]);
    const connection = await openConnection();
    expect(await connection.say()).toBe('ECONNREFUSED');
  });

  test('shows the target the address of the client itself', async () => {
    const { stdout } = await asClient('curl -s -o /dev/null -w "%{http_code}" $S3_ENDPOINT', '172.31.0.77');
    expect(stdout).toBe('200');
    const logged = / 172\.31\.0\.77 TCP_TUNNEL\/200 .* CONNECT s3\.ap-northeast-1\.amazonaws\.com:443/;
    // Squid logs a tunnel when it has ended at both sides.
    const log = () => run(hosts[0], 'cat /var/log/squid/access.log');
    await vi.waitFor(async () => expect((await log()).stdout).toMatch(logged), 10_000);
  });

  test('connects to a target only where something listens', async () => {
    expect(await hosts[0].accepts(3128, 1000)).toBe(true);
    expect(await hosts[0].accepts(3129, 1000)).toBe(false);
    const began = performance.now();
    expect(await network.accepts('10.0.99.99', 3128, 200)).toBe(false);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('a client', () => {
  const aws = execFileSync('bash', ['-c', 'command -v aws || true'], { encoding: 'utf8' }).trim();

  test.skipIf(aws === '')(
    'lists the bucket with the AWS CLI over TLS',
    async () => {
      const { stdout, stderr } = await asClient(
        'aws --endpoint-url $S3_ENDPOINT s3 ls s3://squid-test-bucket/ && aws s3 ls s3://squid-test-bucket/reports/2026/',
      );
      expect(stderr).toBe('');
      expect(stdout).toMatch(
        /PRE reports\/\n.*67108864 big\.bin\n.*40 hello\.txt\n.*february\.csv\n.*january\.csv\n$/,
      );
    },
    20_000,
  );

  test('is refused by the proxy from a network not allowed', async () => {
    const { stderr, exitCode } = await asClient('curl -sS $S3_ENDPOINT', '192.168.200.1');
    expect(stderr).toContain('CONNECT tunnel failed, response 403');
    expect(exitCode).toBe(56);
  });

  test('reaches nothing but the balancer and the resolver', async () => {
    const direct = (url: string) =>
      `curl -s --noproxy "*" -m 3 -o /dev/null -w "%{http_code}:%{exitcode} " ${url}`;
    const urls = [
      's3.ap-northeast-1.amazonaws.com',
      'https://203.0.113.10',
      `${hosts[0].address}:3128`,
      '169.254.169.254',
      '10.0.0.1',
      '10.0.0.10:3129',
    ];
    const { stdout } = await asClient(urls.map(direct).join('; '));
    expect(stdout.trim().split(' ')).toEqual(Array(urls.length).fill('000:7'));
  });

  test('resolves the names of S3 and at once no others', async () => {
    const began = performance.now();
    const { stdout } = await asClient(
      'getent ahosts s3.ap-northeast-1.amazonaws.com | cut -d" " -f1 | sort -u; ' +
        'getent hosts b.s3.ap-northeast-1.amazonaws.com; getent hosts example.com || echo none',
    );
    expect(stdout).toBe('203.0.113.10\n203.0.113.10    b.s3.ap-northeast-1.amazonaws.com\nnone\n');
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('hands through input, output, status and folder', async () => {
    const child = await startClient(directory, {
      command: ['bash', '-c', 'cat; pwd; echo "$EXTRA" >&2; exit 3'],
      stdio: 'pipe',
      env: { EXTRA: 'extra' },
    });
    const output = collect(child);
    child.stdin!.end('in\n');
    expect(await once(child, 'close')).toEqual([3, null]);
    expect(output).toEqual({ stdout: `in\n${process.cwd()}\n`, stderr: 'extra\n' });
  });

  test('is the very process that a signal reaches', async () => {
    const child = await startClient(directory, { command: ['sleep', '60'], stdio: 'pipe' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([null, 'SIGTERM']);
  });

  test('runs several at once, also from one address', async () => {
    const from = ['172.16.0.1', '172.16.0.1', '192.168.255.254', '172.31.255.254'];
    const results = await Promise.all(
      from.map((address) => asClient('ip -4 -o address show eth0; sleep 0.3', address)),
    );
    results.forEach((result, index) => {
      expect(result.stdout).toContain(`inet ${from[index]}/32`);
    });
  });

  test('refuses an address that is not on-premises', async () => {
    for (const address of ['10.0.0.5', '172.32.0.1', '192.169.0.1', '172.16.0', 'example.com']) {
      await expect(asClient('true', address)).rejects.toThrow('172.16.0.0/12 or 192.168.0.0/16');
    }
    await expect(runAsClient(`${directory}-none`, { command: ['true'] })).rejects.toThrow(
      'no region with real hosts runs in',
    );
  });
});

describe('S3', () => {
  const get = (what: string) => asClient(`curl -s ${what}`);

  test('serves ranges, slow objects, buckets as hosts and its errors', async () => {
    const bucket = '$S3_ENDPOINT/squid-test-bucket';
    expect((await get(`${bucket}/hello.txt`)).stdout).toBe('Hello from the other side of the proxy.\n');
    expect(
      (await get('https://squid-test-bucket.s3.ap-northeast-1.amazonaws.com/hello.txt -r 0-4')).stdout,
    ).toBe('Hello');
    expect((await get(`${bucket}/none`)).stdout).toContain('<Code>NoSuchKey</Code>');
    expect((await get('$S3_ENDPOINT/other')).stdout).toContain('<Code>NoSuchBucket</Code>');
    expect((await get(`-I ${bucket}/big.bin`)).stdout).toMatch(/content-length: 67108864/i);
    expect((await get('http://s3.ap-northeast-1.amazonaws.com/')).stdout).toContain(
      '<Name>squid-test-bucket</Name>',
    );
    const slow = await get(
      `-m 1 -o /dev/null -w '%{size_download}' '${bucket.replace('$S3_ENDPOINT', 'https://s3.ap-northeast-1.amazonaws.com')}/big.bin?rate=100000'`,
    );
    expect(Number(slow.stdout)).toBeGreaterThan(10_000);
    expect(Number(slow.stdout)).toBeLessThan(200_000);
  });
});

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout!.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    output.stderr += chunk;
  });
  return output;
}
