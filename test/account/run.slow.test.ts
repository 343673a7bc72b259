import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AwsError } from '../../region/service.ts';
import { administrator, type LogEntry } from '../../region/wire.ts';
import { nobody } from '../region/contract-calls.ts';
import { type ShoalRegion, shoalRegion } from '../shoal-bed.ts';

/** A local region is the account here. A fleet of somebody else's is in it already. */
let region: ShoalRegion;
/** Calls of the run's that named nothing of its own. */
let foreign: unknown[] = [];
const others = () => region.world.autoscaling.group('shoal-demo')?.members.map((member) => ({ ...member }));

beforeAll(async () => {
  region = await shoalRegion({ scheduleTickMs: 1_000 });
  region.addFleet('demo');
  await region.well('demo');
}, 120_000);
afterAll(() => region.close());

// Its stacks cost money and need credentials: somebody starts it, with `REMOTE=1 npm run test:account`.
test.skip('a real account does what the local region does (needs REMOTE=1 and an account)', () => {});

test('a run passes, touches nothing that it did not make, and leaves nothing', async () => {
  const before = { members: others(), live: region.live('demo'), ...whatThereIs() };
  const run = start(network);
  watch(run);
  expect(await run.ended, run.said()).toBe(0);
  expect(run.said()).toMatch(/Tests {2}\d+ passed \| 8 skipped/);
  expect(foreign).toEqual([]);
  expect({ members: others(), live: region.live('demo'), ...whatThereIs() }).toEqual(before);
  expect(parametersOf(run)).toEqual([]);
}, 120_000);

test('a fleet that does not come about is removed with all else', async () => {
  const before = whatThereIs();
  region.world.wire.fault = ({ operation, input }) =>
    operation === 'CreateStack' && String(input?.StackName).endsWith('-demo')
      ? new AwsError('LimitExceededException', 'too many stacks')
      : undefined;
  const run = start(network);
  expect(await run.ended, run.said()).toBe(1);
  expect(run.said()).toContain('too many stacks');
  expect(whatThereIs()).toEqual(before);
}, 120_000);

test('an interrupt ends a run and removes what it has made', async () => {
  const before = whatThereIs();
  const run = start(network, 'fleet');
  let interrupted = 0;
  // The fleet's first instance is on its way by then.
  region.world.wire.fault = ({ operation, identity }) => {
    if (operation !== 'RegisterTargets' || !identity.includes('shoal-t') || interrupted > 0) return undefined;
    interrupted += 1;
    run.child.kill('SIGINT');
    return undefined;
  };
  expect(await run.ended, run.said()).toBe(1);
  expect(interrupted).toBe(1);
  expect(whatThereIs()).toEqual(before);
  expect(parametersOf(run)).toEqual([]);
}, 120_000);

const network = { REMOTE: '1', ACCOUNT: '000000000000', VPC_ID: 'vpc-1', SUBNET_IDS: 'subnet-a,subnet-c' };

test.each([
  ['without REMOTE', { ...network, REMOTE: '' }, [], 0, 'skipped: a real account'],
  [
    'on another account',
    { ...network, ACCOUNT: '1' },
    [],
    2,
    'of account 000000000000: ACCOUNT=000000000000',
  ],
  ['without a region', { ...network, AWS_REGION: undefined }, [], 2, 'no region: AWS_REGION or the profile'],
  ['without subnets', { ...network, SUBNET_IDS: undefined }, [], 2, 'give both, or neither'],
  ['of somebody’s stage', network, ['--remove', 'prod'], 2, "prod: a run's stage is t and eight"],
] as const)('a run %s makes nothing and says why', async (_, variables, words, code, says) => {
  const since = region.world.wire.log.length;
  const run = start(variables, ...words);
  expect(await run.ended).toBe(code);
  expect(run.said()).toContain(says);
  const calls = region.world.wire.log.slice(since).filter(({ identity }) => identity === administrator);
  expect(calls.filter(isChange)).toEqual([]);
});

test('a run without AWS_REGION is where the profile is, all of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-profile-'));
  const AWS_CONFIG_FILE = join(folder, 'config');
  writeFileSync(AWS_CONFIG_FILE, '[default]\nregion = eu-west-1\n');
  const run = start({ ...network, AWS_REGION: undefined, AWS_CONFIG_FILE }, '--remove', 't00000000');
  expect(await run.ended, run.said()).toBe(0);
  rmSync(folder, { recursive: true });
  expect(run.said()).toContain('stage t00000000 in account 000000000000, eu-west-1');
});

function start(variables: Record<string, string | undefined>, ...words: string[]) {
  const endpoint = `http://127.0.0.1:${region.port}`;
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'run.ts'), ...words], {
    env: {
      ...{ PATH, NODE_COMPILE_CACHE, HOME: '/nonexistent', NO_COLOR: '1' },
      ...{ ...credentials, AWS_REGION: 'ap-northeast-1', AWS_ENDPOINT_URL: endpoint, ...variables },
    },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (text += data));
  const ended = new Promise((resolve) => child.once('close', resolve));
  return { child, ended, said: () => text };
}

/** Each call that changes something has to name the run's prefix, or an instance or command of its own. */
function watch(run: ReturnType<typeof start>): void {
  const own = new Set(nobody);
  foreign = [];
  region.world.wire.fault = (call) => {
    const prefix = prefixOf(run);
    for (const name of ['managed', 'coming', 'demo'])
      for (const { instanceId } of region.world.autoscaling.group(`${prefix}-${name}`)?.members ?? [])
        own.add(instanceId);
    const text = JSON.stringify(call.input ?? {});
    const named = `${text}${commandOf(call)}`.includes(prefix) || [...own].some((id) => text.includes(id));
    if (call.identity === administrator && isChange(call) && !named)
      foreign.push([call.operation, call.input]);
    return undefined;
  };
}

const prefixOf = (run: ReturnType<typeof start>) => `shoal-${/stage (t[0-9a-f]{8})/.exec(run.said())?.[1]}`;

function parametersOf(run: ReturnType<typeof start>): unknown[] {
  return [`/${prefixOf(run)}`, `/${prefixOf(run)}-state`].flatMap((Path) => {
    const path = { Path, Recursive: true };
    const answer = region.serve(region.world.parameters.service, 'GetParametersByPath', path);
    return (answer as { Parameters: unknown[] }).Parameters;
  });
}

/** A command is only an id; its document has the name of whose it is. */
function commandOf({ input = {} }: Pick<LogEntry, 'input'>): string {
  if (input.CommandId === undefined) return '';
  const { CommandId } = input;
  return JSON.stringify(region.serve(region.world.commands.service, 'ListCommands', { CommandId }));
}

const isChange = ({ operation }: Pick<LogEntry, 'operation'>) => !/^(Describe|Get|List)/.test(operation);

/** All that a run makes is in a stack, but parameters. */
function whatThereIs() {
  region.world.wire.fault = undefined;
  const called = (name: string, service: { operations: Record<string, unknown> }) =>
    region.serve(service, name, {}) as Record<string, unknown[]>;
  const { functions, queues, events, stacks } = region.applications;
  return {
    stacks: called('DescribeStacks', stacks.service).Stacks?.length,
    functions: called('ListFunctions', functions.service).Functions?.length,
    queues: called('ListQueues', queues.service).QueueUrls,
    rules: called('ListRules', events.service).Rules?.length,
    groups: called('DescribeAutoScalingGroups', region.world.autoscaling.service).AutoScalingGroups?.length,
    targetGroups: called('DescribeTargetGroups', region.world.targets.service).TargetGroups?.length,
  };
}
