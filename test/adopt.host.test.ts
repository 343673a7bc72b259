import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { enterHost } from '../region/hosts/namespaces.ts';
import { defaultClientAddress } from '../region/network/client.ts';
import { type Region, startRegion } from '../region/region.ts';
import { zones } from '../region/service.ts';
import { readTemplate } from '../region/template.ts';
import { total } from './bench/flood.ts';
import { startFlood, until } from './bench/flood-fleet.ts';
import { calmPauseMs } from './bench/flood-plan.ts';
import { call, clientPorts, scaleTo } from './bench/flood-region.ts';

/** The port that the farm's clients know; the region's own fleet has the usual one. */
const port = 3200;
const farm = ['i-0fa00000000000001', 'i-0fa00000000000002'];

let directory: string;
let region: Region;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-adopt-'));
  const packageDirectory = join(import.meta.dirname, '..');
  const stateDirectory = join(directory, 'state');
  region = await startRegion({ port: 4616, pace: 'fast', packageDirectory, stateDirectory });
  scaleTo(region, 0);
});
afterAll(async () => {
  await region?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** As somebody set it up by hand, who never heard of Shoal. */
const squidConf = `http_port 3128
acl clients src 172.31.0.0/24
http_access allow clients
http_access deny all
cache deny all
server_persistent_connections off
pinger_enable off
access_log stdio:/var/log/squid/access.log
`;

async function startFarm() {
  const { instances, targets } = region.world;
  for (const [nth, id] of farm.entries()) {
    const { host } = await instances.launch(id, zones[nth] as string, {});
    const script = `#!/bin/bash\nprintf '%s' '${squidConf}' >/etc/squid/squid.conf\nsystemctl start squid\n`;
    const started = await host?.run({ documentName: 'x', parameters: {}, script, timeoutMs: 30_000 });
    expect(started).toMatchObject({ exitCode: 0 });
  }
  const balancer = targets.createLoadBalancer({ name: 'farm', vpcId: 'vpc-region', zones, tags: {} });
  const attributes = { 'deregistration_delay.timeout_seconds': '600' };
  const group = targets.createTargetGroup({
    name: 'farm',
    port: 3128,
    vpcId: 'vpc-region',
    tags: {},
    attributes,
  });
  const to = { loadBalancerArn: balancer.arn, targetGroupArn: group.arn };
  const listener = targets.createListener({ ...to, port, tags: {} });
  const Targets = farm.map((Id) => ({ Id }));
  call(region, 'elbv2', 'RegisterTargets', { TargetGroupArn: group.arn, Targets });
  await until('the farm is healthy', () => healthy(group.arn) === farm.length);
  return { balancer: balancer.arn, group: group.arn, listener: listener.arn, targets: Targets };
}

const healthy = (TargetGroupArn: string): number =>
  call(region, 'elbv2', 'DescribeTargetHealth', { TargetGroupArn }).TargetHealthDescriptions.filter(
    (it: { TargetHealth: { State: string } }) => it.TargetHealth.State === 'healthy',
  ).length;

function deploy(name: string, file: string, parameters: Record<string, string>): Record<string, string> {
  const stack = region.stacks.deploy(name, readTemplate(readFileSync(`infra/${file}`, 'utf8')), parameters);
  return Object.fromEntries(stack.outputs.map(({ key, value }) => [key, value]));
}

/** How many tunnels of clients have come and gone through these hosts. */
async function tunnels(ids: string[]): Promise<number> {
  const count = async (id: string) => {
    const [program, ...enter] = enterHost(region.network.directory, id);
    const log = ['awk', `$3 == "${defaultClientAddress}" && $6 == "CONNECT"`, '/var/log/squid/access.log'];
    return (await promisify(execFile)(program as string, [...enter, ...log], { cwd: '/' })).stdout;
  };
  return (await Promise.all(ids.map(count))).join('').split('\n').length;
}

/** New connections go to these hosts, and none to those. */
async function served(these: string[], those: string[]): Promise<void> {
  let before = await tunnels(those);
  let began = await tunnels(these);
  await until('new connections go to the other side alone', async () => {
    const [now, after] = [await tunnels(these), await tunnels(those)];
    if (after !== before) [before, began] = [after, now];
    return now > began + 10;
  });
}

/** The blocks of docs/adopt.md, found by a word in them. */
const blocks = [...readFileSync('docs/adopt.md', 'utf8').matchAll(/```\n([\s\S]*?)```/g)].map(
  ([, text]) => text!,
);
const block = (word: string): string => blocks.find((text) => text.includes(word))!;

const takeOver = block('Type=forward,TargetGroupArn=$FLEET');
const giveBack = block('Type=forward,TargetGroupArn=$FARM');

/** What a person's shell says who pastes it, with the variables that the page has set by then. */
async function paste(text: string, variables: Record<string, string>): Promise<string> {
  const toRegion = `aws() { command aws --region ap-northeast-1 --endpoint-url ${region.endpoint} "$@"; }`;
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', ...variables };
  const { stdout } = await promisify(execFile)('bash', ['-euc', `${toRegion}\n${text}`], { env });
  return stdout.trim();
}

test('a farm is taken over, given back and replaced without a lost request', async () => {
  const { balancer, group, listener, targets } = await startFarm();
  const clients = { fresh: 4, connect: 2, 'keep-alive': 4, tunnel: 0 };
  const plan = { clients, visitors: 6, pauseMs: calmPauseMs };
  const flood = await startFlood(region, plan, defaultClientAddress, port);
  const network = { FleetName: 'adopted', VpcId: 'vpc-region' };
  const adopted = deploy('adopt', 'adopt.yml', {
    ...network,
    LoadBalancerArn: balancer,
    ListenerArn: listener,
    FormerTargetGroupArn: group,
  });
  const TargetGroupArn = adopted.TargetGroupArn as string;
  const flip = `--listener-arn ${listener} --default-actions Type=forward,TargetGroupArn=`;
  expect([adopted.TakeOver, adopted.GiveBack]).toEqual(
    [TargetGroupArn, group].map((to) => `aws elbv2 modify-listener ${flip}${to}`),
  );
  deploy('adopted', 'fleet.yml', {
    ...network,
    SubnetIds: 'subnet-a,subnet-c',
    ClientCidrs: '172.31.0.0/24',
    RouteTableIds: 'rtb-1',
    ProbeUrl: 'https://s3.ap-northeast-1.amazonaws.com',
    LoadBalancerArn: adopted.LoadBalancerArn as string,
    TargetGroupArn,
  });
  await until('the fleet is healthy', () => healthy(TargetGroupArn) === 2);
  const fleet = region.world.autoscaling.group('shoal-adopted')!.members.map(({ instanceId }) => instanceId);
  const clientsOf = async (ids: string[]) =>
    (await Promise.all(ids.map((id) => clientPorts(region, id)))).flat();

  const variables = { LISTENER: listener, FLEET: TargetGroupArn, FARM: group };
  const before = block('FARM=$').replace(/^LISTENER=.*/, '');
  expect(await paste(`${before} echo $LOAD_BALANCER $FARM`, variables)).toBe(`${balancer} ${group}`);
  await paste(takeOver, variables);
  await served(fleet, farm);
  // Who was connected still is, and both sides stay ready.
  expect((await clientsOf(farm)).length).toBeGreaterThanOrEqual(6);
  expect(healthy(group)).toBe(2);

  await paste(giveBack, variables);
  await served(farm, fleet);
  expect(healthy(TargetGroupArn)).toBe(2);

  await paste(takeOver, variables);
  await served(fleet, farm);
  call(region, 'elbv2', 'DeregisterTargets', { TargetGroupArn: group, Targets: targets });
  await until('nobody is connected to the farm', async () => {
    const leave = await clientsOf(farm);
    flood.tell({ leave });
    return leave.length === 0;
  });
  for (const id of farm) await region.world.instances.terminate(id);
  await served(fleet, []);
  await flood.stop();
  const { examples, kinds } = flood.counts();
  expect(examples).toEqual([]);
  expect(total(flood.counts())).toBe(0);
  for (const kind of ['fresh', 'connect', 'keep-alive', 'tunnel'] as const)
    expect(kinds[kind].served).toBeGreaterThan(20);
});
