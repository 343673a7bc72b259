import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enterHost } from '../../region/hosts/namespaces.ts';
import { startClient } from '../../region/network/client.ts';
import { type Region, startRegion } from '../../region/region.ts';
import { type Aws, aws } from '../../shared/aws/clients.ts';

/**
 * The packaged stack on real Squids, from a folder that holds nothing but the package: each use is asserted
 * from outside, by requests through the balancer, targets and lifecycle states.
 */

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'shoal-package-'));
const allowed = '172.31.0.10';
const stranger = '192.168.7.10';
const listing = [
  'sh',
  '-c',
  'curl -sS --max-time 10 -o /dev/null -w "%{http_code}" "$S3_ENDPOINT/squid-test-bucket?list-type=2"',
];

let region: Region;
let cloud: Aws;

beforeAll(async () => {
  for (const name of readdirSync(join(root, '.serverless')).filter((it) =>
    /\.zip$|update-stack\.json$/.test(it),
  ))
    cpSync(join(root, '.serverless', name), join(folder, '.serverless', name));
  mkdirSync(join(folder, 'infra'));
  cpSync(join(root, 'infra/fleet.yml'), join(folder, 'infra/fleet.yml'));
  region = await startRegion({
    port: 4577,
    pace: 'fast',
    packageDirectory: folder,
    stateDirectory: join(folder, 'state'),
  });
  const credentials = { accessKeyId: 'administrator', secretAccessKey: 'x' };
  cloud = aws(
    { tag: 'shoal:fleet', document: { name: 'shoal-apply', sha256: '' }, source: 'shoal' },
    { endpoint: region.endpoint, region: 'ap-northeast-1', credentials },
  );
  await until(
    'two instances on live',
    async () => (await inService()).length === 2 && (await live()) !== undefined,
  );
});

afterAll(async () => {
  await region?.close();
  rmSync(folder, { recursive: true, force: true });
  // Whatever the tests came to, the deployed roles allow.
  expect(region?.world.access.denials).toEqual([]);
});

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`${what}: not within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const instances = async () => (await cloud.groups.named('shoal-demo'))?.instances ?? [];
const inService = async () => (await instances()).filter(({ lifecycle }) => lifecycle === 'InService');
const status = async () =>
  JSON.parse((await cloud.parameters.get('/shoal-state/demo/status'))?.value ?? '{}');
const live = async (): Promise<string | undefined> => (await status()).live?.sha256;
const code = async (from: string) => (await region.client({ from, command: listing })).stdout;
/** The generation that a host's Squid answers with, asked as the host itself. */
const onHost = (id: string, command: string[]) => {
  const [program, ...argv] = [...enterHost(region.network.directory, id), ...command];
  return execFileSync(program as string, argv, { encoding: 'utf8' });
};
const generation = (id: string): string =>
  /sha256-([0-9a-f]{64})/.exec(
    onHost(id, [
      'curl',
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{redirect_url}',
      '-x',
      'http://127.0.0.1:3128',
      'http://config-generation.invalid/',
    ]),
  )?.[1] ?? '';
const stack = () => [...(region.stacks.stack('demo')?.resources.values() ?? [])];
const targetGroup = () => stack().find(({ type }) => type.endsWith('TargetGroup'))?.id ?? '';
const put = (name: string, value: string) =>
  region.world.parameters.put({
    Name: `/shoal/demo/${name}`,
    Value: value,
    Type: 'StringList',
    Overwrite: true,
  });
const setCapacity = (DesiredCapacity: number) =>
  region.world.autoscaling.service.operations.SetDesiredCapacity?.(
    { AutoScalingGroupName: 'shoal-demo', DesiredCapacity },
    { identity: 'test', accessKeyId: 'test', requestId: 'test' },
  );

test('lists the bucket from an allowed network and from no other', async () => {
  expect(await code(allowed)).toBe('200');
  const refused = await region.client({ from: stranger, command: listing });
  expect(refused.stderr).toContain('403');
});

test('an edit lets a network in, and its removal shuts it out again', async () => {
  const before = await live();
  put('allowed-cidrs', '172.31.0.0/24,192.168.7.0/24');
  await until('the edit is live', async () => (await live()) !== before);
  expect(await code(stranger)).toBe('200');
  for (const { id } of await inService()) expect(generation(id)).toBe(await live());
  put('allowed-cidrs', '172.31.0.0/24');
  await until('the removal is live', async () => (await live()) === before);
  expect((await region.client({ from: stranger, command: listing })).stderr).toContain('403');
  expect(await code(allowed)).toBe('200');
});

test('an edit that the canary cannot take is rejected, and every host is on live', async () => {
  const before = await live();
  const [canary] = (await inService()).map(({ id }) => id).sort();
  const told: unknown[] = [];
  region.world.onEvent(({ source, detail }) => source === 'shoal' && told.push(detail.transition));
  // This host's disk takes no new file, which no other host has to find out.
  onHost(canary as string, ['mount', '-t', 'tmpfs', '-o', 'ro', 'none', '/etc/squid/shoal']);
  put('allowed-cidrs', '172.31.0.0/24,192.168.8.0/24');
  await until(
    'it is rejected',
    async () => (await status()).rejected !== undefined && (await status()).rollout === undefined,
  );
  expect((await status()).rejected.instance).toBe(canary);
  expect(await live()).toBe(before);
  for (const { id } of await inService()) expect(generation(id)).toBe(before);
  expect(await code(allowed)).toBe('200');
  onHost(canary as string, ['umount', '/etc/squid/shoal']);
  put('allowed-cidrs', '172.31.0.0/24');
  await until('the rejection is forgotten', async () => (await status()).rejected === undefined);
  await until('others have heard of it', async () => told.length === 4);
  expect(told).toEqual(['rollout-started', 'rejected', 'reversed', 'rejection-lifted']);
});

test('a new instance is registered after its proof and in service after it is healthy', async () => {
  const from = region.world.wire.log.length;
  setCapacity(3);
  await until('three are in service', async () => (await inService()).length === 3);
  const mine = region.world.wire.log.slice(from).filter(({ identity }) => identity.endsWith('/shoal-admit'));
  const at = (operation: string) => mine.findIndex((entry) => entry.operation === operation);
  expect(at('SendCommand')).toBeGreaterThan(-1);
  expect(mine[at('SendCommand')]?.input).toMatchObject({
    DocumentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(at('RegisterTargets')).toBeGreaterThan(at('SendCommand'));
  expect(at('CompleteLifecycleAction')).toBeGreaterThan(at('RegisterTargets'));
  const health = await cloud.targets.health(targetGroup());
  expect(health.filter(({ state }) => state === 'healthy')).toHaveLength(3);
  for (const { id } of await inService()) expect(generation(id)).toBe(await live());
});

test('scale-in lets a download through the leaving instance end', async () => {
  const download = [
    'sh',
    '-c',
    'curl -sS --max-time 60 --limit-rate 12M "$S3_ENDPOINT/squid-test-bucket/big.bin" | wc -c',
  ];
  const clients = await Promise.all(
    [1, 2, 3].map(() =>
      startClient(region.network.directory, {
        from: allowed,
        command: download,
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    ),
  );
  const sizes = clients.map(async (client) => {
    let text = '';
    client.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    await once(client, 'close');
    return Number(text);
  });
  setCapacity(2);
  await until('one is leaving', async () =>
    (await instances()).some(({ lifecycle }) => lifecycle.startsWith('Terminating')),
  );
  expect(await Promise.all(sizes)).toEqual([67_108_864, 67_108_864, 67_108_864]);
  await until('it is gone', async () => (await instances()).length === 2);
  const health = await cloud.targets.health(targetGroup());
  expect(health.filter(({ state }) => state === 'healthy')).toHaveLength(2);
  expect(await code(allowed)).toBe('200');
});
