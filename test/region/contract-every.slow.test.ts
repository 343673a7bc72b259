import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Applications, addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import { listen, requestHandler } from '../../region/http.ts';
import { createInProcessSandboxes } from '../../region/sandbox-in-process.ts';
import { readTemplate } from '../../region/template.ts';
import { hasCliModule, startAwsCli } from './aws-cli.ts';
import { createBed, until } from './bed.ts';
import { populate } from './contract.ts';
import { calls } from './contract-calls.ts';
import { type RowsWorld, type Run, testRows, throughSdk } from './contract-rows.ts';
import { operator } from './templates.ts';

let region: Awaited<ReturnType<typeof start>>;

describe.each([
  ['the SDK', true],
  ['the AWS CLI', hasCliModule],
] as const)('every operation of the region, through %s', (way, there) => {
  let end = async () => {};
  const world = { patienceMs: 10_000, pauseMs: 20 } as RowsWorld;
  beforeAll(async () => {
    region = await start();
    const { wire } = region.world;
    const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
    const config = { region: 'ap-northeast-1', credentials, endpoint: 'http://region' };
    if (way === 'the SDK') world.run = throughSdk({ ...config, requestHandler: requestHandler(wire) });
    else if (there) [world.run, end] = await throughCli(wire);
    world.names = region.names;
  });
  afterAll(async () => {
    await end();
    await region.close();
  });

  test('has a row', () => {
    const offered = [...region.world.wire.services.values()].map(({ name, operations }) => [
      name,
      Object.keys(operations).sort(),
    ]);
    const called = Object.entries(calls).map(([name, all]) => [name, all.map(([one]) => one).sort()]);
    expect(Object.fromEntries(called)).toEqual(Object.fromEntries(offered));
  });

  describe.skipIf(!there)('row by row', () => testRows(() => world));
});

/** A region with an operator, and what the rows are called on. */
async function start() {
  const bed = createBed();
  const sandboxes = createInProcessSandboxes(machineClock, { 'shoal-work': () => 'done' });
  const world = { ...bed.world, sandboxes };
  const unpack = () => ({ directory: '/code', size: 7, sha256: 'hash' });
  const applications: Applications = addApplications(world, { endpoint: 'http://region', unpack });
  const { stacks, queues } = applications;
  stacks.deploy('shoal', readTemplate(operator), {});
  queues.send('arn:aws:sqs:ap-northeast-1:000000000000:dead', 'letter');
  const template = readTemplate(readFileSync(join(import.meta.dirname, 'contract.yml'), 'utf8'));
  const place = { VpcId: 'vpc-1', SubnetIds: 'subnet-a,subnet-c' };
  const { outputs } = stacks.deploy('contract', template, { Prefix: 'shoal', ...place });
  const members = (name: string) => world.autoscaling.group(`shoal-${name}`)?.members ?? [];
  const coming = { AutoScalingGroupName: 'shoal-coming', DesiredCapacity: 1 };
  const call = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
  world.autoscaling.service.operations.SetDesiredCapacity?.(coming, call);
  await until(() => members('managed').filter(({ state }) => state === 'InService').length === 2);
  await until(() => members('coming')[0]?.state === 'Pending:Wait');
  const [one, two] = members('managed').map(({ instanceId }) => instanceId) as [string, string];
  const { instanceId } = await populate(bed);
  const names = new Map([
    ['prefix', 'shoal'],
    ['account', '000000000000'],
    ['region', 'ap-northeast-1'],
    ['managed', 'shoal-managed'],
    ['coming', 'shoal-coming'],
    ['one', one],
    ['two', two],
    ['waiting', members('coming')[0]!.instanceId],
    ['instance', instanceId],
    ['document', 'shoal-contract'],
    ['targetGroup', outputs.find(({ key }) => key === 'TargetGroup')?.value ?? ''],
    ['loadBalancer', 'shoal-contract'],
    ['function', 'shoal-work'],
    ['rule', 'parameters'],
    ['queueName', 'dead'],
  ]);
  const close = async () => {
    await applications.close();
    await world.close();
  };
  return { world, names, close };
}

async function throughCli(wire: typeof region.world.wire): Promise<[Run, () => Promise<void>]> {
  const server = await listen(wire, 0);
  const cli = startAwsCli(`http://127.0.0.1:${server.port}`);
  const run: Run = async (service, operation, input) => {
    const words = [service, operation.replaceAll(/(?<=.)[A-Z]/g, '-$&').toLowerCase()];
    if (input === 'unsigned') words.push('--no-sign-request');
    // What is invoked has its answer written to a file, and its input not read from JSON.
    else if ('FunctionName' in input) words.push('--function-name', `${input.FunctionName}`, '/dev/null');
    else words.push('--cli-input-json', JSON.stringify(input));
    const { code, stdout, stderr } = await cli.run(...words);
    if (code === 0) return stdout;
    throw new Error(/\((.*?)\) when calling/.exec(stderr)?.[1] ?? stderr);
  };
  const end = async () => {
    cli.end();
    await server.close();
  };
  return [run, end];
}
