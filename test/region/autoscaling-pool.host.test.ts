import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createNamespaceHosts } from '../../region/hosts/namespaces.ts';
import { createNetwork, type Network } from '../../region/network/network.ts';

let network: Network;

beforeAll(async () => {
  network = await createNetwork(join(tmpdir(), `shoal-pool-${process.pid}`));
}, 30_000);
afterAll(() => network.close());

test('a stopped host keeps its disk, and none of its processes', async () => {
  const id = { instanceId: 'i-0000000000000000a', zone: 'ap-northeast-1a' };
  const host = await createNamespaceHosts(network).launch(id);
  const run = async (script: string) => {
    const command = { documentName: 'test', parameters: {}, timeoutMs: 20_000 };
    return (await host.run({ ...command, script: `#!/bin/bash\n${script}` })).stdout;
  };
  const daemons = 'pgrep -x sleep | wc -l; cat /etc/squid/kept 2>&1';
  await run('echo kept >/etc/squid/kept; setsid sleep 600 </dev/null >/dev/null 2>&1 &');
  // It takes a moment to become what it runs.
  await vi.waitFor(async () => expect(await run(daemons)).toBe('1\nkept\n'), { timeout: 10_000 });
  await host.stop();
  expect(await run(daemons)).toBe('0\nkept\n');
}, 60_000);

test('a host that is started again runs Squid if it was enabled, and only then', async () => {
  const id = { instanceId: 'i-0000000000000000b', zone: 'ap-northeast-1c' };
  const host = await createNamespaceHosts(network).launch(id);
  const run = async (script: string) => {
    const command = { documentName: 'test', parameters: {}, timeoutMs: 20_000 };
    return (await host.run({ ...command, script: `#!/bin/bash\n${script}` })).stdout.trim();
  };
  await run(
    "printf 'http_port 3128\\nhttp_access deny all\\n' >/etc/squid/squid.conf; systemctl start squid",
  );
  await host.stop();
  await host.start();
  expect(await run('systemctl is-active squid')).toBe('inactive');
  await run('systemctl enable squid; systemctl start squid');
  await host.stop();
  expect(await host.accepts(3128, 1_000)).toBe(false);
  await host.start();
  expect(await run('systemctl is-active squid')).toBe('active');
  expect(await host.accepts(3128, 1_000)).toBe(true);
}, 60_000);
