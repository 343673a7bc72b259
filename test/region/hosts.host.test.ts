import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNamespaceHosts, enterHost } from '../../region/hosts/namespaces.ts';
import { createNetwork, type Network } from '../../region/network/network.ts';
import type { Host } from '../../region/ports.ts';

const directory = join(tmpdir(), `shoal-hosts-${process.pid}`);
let network: Network;
let first: Host;
let second: Host;

beforeAll(async () => {
  network = await createNetwork(directory);
  const hosts = createNamespaceHosts(network);
  [first, second] = await Promise.all([
    hosts.launch({ instanceId: 'i-0000000000000000a', zone: 'ap-northeast-1a' }),
    hosts.launch({ instanceId: 'i-0000000000000000c', zone: 'ap-northeast-1c' }),
  ]);
}, 30_000);
afterAll(() => network.close());

function run(host: Host, script: string, timeoutMs = 20_000) {
  return host.run({ documentName: 'test', parameters: {}, script: `#!/bin/bash\n${script}`, timeoutMs });
}

test('runs a script as root with the agent environment alone', async () => {
  const result = await run(first, 'pwd; id -u; hostname; env | cut -d= -f1 | sort; echo oops >&2; exit 7');
  expect(result.stdout.split('\n').slice(0, 3)).toEqual([
    '/',
    '0',
    `ip-${first.address.replaceAll('.', '-')}`,
  ]);
  const names = result.stdout.split('\n').slice(3, -1);
  expect(names).toEqual(
    ['AWS_SSM_INSTANCE_ID', 'AWS_SSM_REGION_NAME', 'HOME', 'LANG', 'PATH', 'PWD', 'SHLVL', '_'].sort(),
  );
  expect(result).toMatchObject({ exitCode: 7, stderr: 'oops\n', timedOut: false });
});

test('cuts output after 24,000 characters', async () => {
  const result = await run(first, 'head -c 100000 /dev/zero | tr "\\0" x');
  expect(result.stdout).toBe('x'.repeat(24_000));
});

test('keeps what a host writes from the machine and its neighbour', async () => {
  const written = ['/etc/squid/x', '/var/lib/shoal/x', '/usr/sbin/x', '/tmp/x', '/run/x', '/dev/shm/x'];
  const paths = written.map((path) => path.replace(/x$/, `shoal-isolation-${process.pid}`)).join(' ');
  const result = await run(first, `mkdir -p /var/lib/shoal; touch ${paths} && ls ${paths} | wc -l`);
  expect(result.stdout).toBe('6\n');
  expect(paths.split(' ').filter((path) => existsSync(path))).toEqual([]);
  expect((await run(second, `ls ${paths} 2>/dev/null`)).stdout).toBe('');
});

test('gives each host a Squid of its own on one port', async () => {
  const configure = (path: string) => `
    printf '%s\\n' 'http_port 3128' 'acl here dstdomain here.invalid' 'http_access deny here' \\
      'deny_info 302:http://answer.invalid/${path} here' 'http_access deny all' 'pinger_enable off' \\
      'shutdown_lifetime 0 seconds' >/etc/squid/squid.conf
    systemctl is-active squid
    systemctl start squid && systemctl is-active squid`;
  const ask = `curl -s -o /dev/null -w '%{redirect_url}' -x http://127.0.0.1:3128 http://here.invalid/`;
  const started = await Promise.all([run(first, configure('first')), run(second, configure('second'))]);
  expect(started.map((result) => result.stdout)).toEqual(Array(2).fill('inactive\nactive\n'));
  expect((await run(first, ask)).stdout).toBe('http://answer.invalid/first');
  expect((await run(second, ask)).stdout).toBe('http://answer.invalid/second');
  expect(await first.accepts(3128, 1000)).toBe(true);

  const stopped = await run(first, 'systemctl stop squid; systemctl is-active squid; pgrep squid');
  expect(stopped.stdout).toBe('inactive\n');
  expect(await first.accepts(3128, 1000)).toBe(false);
  expect(await second.accepts(3128, 1000)).toBe(true);
}, 20_000);

test('says that a Squid which cannot start has failed', async () => {
  const result = await run(first, 'echo nonsense >/etc/squid/squid.conf; systemctl start squid; echo $?');
  expect(result.stdout).toBe('1\n');
  expect(result.stderr).toContain('Job for squid.service failed');
});

test('starts a service without the files its caller has open', async () => {
  const script = `exec 9>/run/lock/held; flock -n 9; systemctl restart squid; exec 9>&-
    flock -n /run/lock/held echo free`;
  expect((await run(second, script)).stdout).toBe('free\n');
});

test('answers for the metadata service on the host', async () => {
  const result = await run(first, 'curl -s http://169.254.169.254/latest/meta-data/');
  expect(result.stdout).toBe('SHOAL-FAKE-METADATA\n');
});

test('kills at the time-out what the script started', async () => {
  const began = performance.now();
  const result = await run(first, 'sleep 61 & (sleep 62; true) & timeout 63 sleep 63', 300);
  expect(result).toMatchObject({ timedOut: true, exitCode: 137 });
  expect(performance.now() - began).toBeLessThan(3000);
  expect((await run(first, 'pgrep -fc "sleep 6[123]"; ps -o stat= -e | grep -c Z')).stdout).toBe('0\n0\n');
});

test('leaves a daemon alone and does not wait for it', async () => {
  const began = performance.now();
  const result = await run(first, 'setsid sleep 64 & echo done; sleep 60', 300);
  expect(result.stdout).toBe('done\n');
  expect((await run(first, 'setsid sleep 65 & echo done')).timedOut).toBe(false);
  expect(performance.now() - began).toBeLessThan(5000);
  expect((await run(first, 'sleep 0.1; pgrep -fc "^sleep 6[45]"')).stdout).toBe('2\n');
});

test('kills what a script started when its command is cancelled', async () => {
  const cancelled = new AbortController();
  const command = { documentName: 'test', parameters: {}, timeoutMs: 60_000, signal: cancelled.signal };
  const running = first.run({ ...command, script: '#!/bin/bash\ntouch /tmp/began; sleep 68 & sleep 68' });
  await run(first, 'until [ -e /tmp/began ]; do sleep 0.02; done');
  cancelled.abort();
  expect(await running).toMatchObject({ timedOut: false, exitCode: 137 });
  expect((await run(first, 'pgrep -fc "^sleep 68"')).stdout).toBe('0\n');
});

test('keeps its disk and no process when it is stopped', async () => {
  await run(second, 'touch /var/lib/kept /run/gone; setsid sleep 69 >/dev/null 2>&1 &');
  await second.stop();
  const left = await run(
    second,
    'ls /var/lib/kept /run/gone 2>/dev/null; pgrep -fc "^sleep 69"; pgrep -c squid',
  );
  expect(left.stdout).toBe('/var/lib/kept\n0\n0\n');
});

test('keeps its address and nothing else when its root volume is replaced', async () => {
  const serve = `printf '%s\\n' 'http_port 3128' 'http_access deny all' 'pinger_enable off' >/etc/squid/squid.conf
    systemctl start squid; until ss -Hltn 'sport = :3128' | grep -q .; do sleep 0.05; done`;
  await run(second, `touch /var/lib/kept; ${serve}`);
  expect(await second.accepts(3128, 1000)).toBe(true);
  await second.replaceRootVolume();
  expect(await second.accepts(3128, 500)).toBe(false);
  const found = await run(second, 'ls /var/lib/kept; pgrep -c squid; ip -o addr show');
  expect(found.stdout).toMatch(/^0\n/);
  expect(found.stdout).toContain(` ${second.address}/`);
  await run(second, serve);
  expect(await second.accepts(3128, 1000)).toBe(true);
});

test('lets another process enter a host by its id', () => {
  const [program, ...args] = [...enterHost(directory, first.instanceId), 'hostname'];
  expect(execFileSync(program!, args, { encoding: 'utf8' })).toContain('ip-10-0-');
  expect(() => enterHost(directory, 'i-unknown')).toThrow('no host i-unknown runs');
});

test('ends everything of a host that is terminated', async () => {
  const host = await createNamespaceHosts(network).launch({ instanceId: 'i-0b', zone: 'ap-northeast-1b' });
  const marker = `shoal-terminate-${process.pid}`;
  await run(host, `setsid bash -c 'exec -a ${marker} sleep 66' &`);
  const running = host.run({
    documentName: 'test',
    parameters: {},
    script: '#!/bin/sh\nsleep 67',
    timeoutMs: 9000,
  });
  await host.terminate();
  expect((await running).timedOut).toBe(false);
  expect(await host.accepts(3128, 500)).toBe(false);
  expect(() => enterHost(directory, 'i-0b')).toThrow();
  const commands = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  expect(commands).not.toContain(marker);
});

test('mounts nothing outside of the hosts', () => {
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain('lowerdir=/etc,');
});
