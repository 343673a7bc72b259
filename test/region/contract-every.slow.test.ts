import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Applications, addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import { listen, requestHandler } from '../../region/http.ts';
import { createInProcessSandboxes } from '../../region/sandbox-in-process.ts';
import { readTemplate } from '../../region/template.ts';
import { hasCliModule, startAwsCli } from './aws-cli.ts';
import { createBed, groupSpec, launchHook, until } from './bed.ts';
import { populate, refusal } from './contract.ts';
import { calls } from './contract-calls.ts';
import { operator } from './templates.ts';

/** Answers a call's output as JSON, or throws an error with AWS's code in its message. */
type Run = (service: string, operation: string, input: object | 'unsigned') => Promise<string>;

let region: Awaited<ReturnType<typeof start>>;

describe.each([
  ['the SDK', true],
  ['the AWS CLI', hasCliModule],
] as const)('every operation of the region, through %s', (way, there) => {
  let run: Run;
  let end = async () => {};
  beforeAll(async () => {
    region = await start();
    if (way === 'the SDK') run = throughSdk(region.world.wire);
    else if (there) [run, end] = await throughCli(region.world.wire);
  });
  afterAll(async () => {
    await end();
    await region.close();
  });

  test('has a call that succeeds and one that is refused', () => {
    const offered = [...region.world.wire.services.values()].map(({ name, operations }) => [
      name,
      Object.keys(operations).sort(),
    ]);
    const called = Object.entries(calls).map(([name, all]) => [name, all.map(([one]) => one).sort()]);
    expect(Object.fromEntries(called)).toEqual(Object.fromEntries(offered));
  });

  test.skipIf(!there)('succeeds, and is refused with the code of AWS', { timeout: 120_000 }, async () => {
    const { names } = region;
    const fill = <Input>(input: Input): Input =>
      JSON.parse(JSON.stringify(input).replaceAll(/\$(\w+)/g, (_, name) => names.get(name) ?? `no ${name}`));
    const found: unknown[] = [];
    for (const [service, all] of Object.entries(calls)) {
      for (const [operation, good, refused, code] of all) {
        const answer = good === 'none' ? '' : await succeeds(() => run(service, operation, fill(good)));
        for (const [, name = '', value = ''] of answer.matchAll(/"(\w+)":\s*"([^"]+)"/g)) {
          if (!names.has(name)) names.set(name, value);
        }
        const [, reason] = (await refusal(run(service, operation, fill(refused)))) ?? [];
        if (!new RegExp(`^(${code})`).test(reason ?? '')) found.push([service, operation, reason]);
      }
    }
    expect(found).toEqual([]);
  });
});

/** A region with an operator, a group in service, one to change and one whose instance waits in its hook. */
async function start() {
  const bed = createBed();
  const sandboxes = createInProcessSandboxes(machineClock, { 'shoal-work': () => 'done' });
  const world = { ...bed.world, sandboxes };
  const unpack = () => ({ directory: '/code', size: 7, sha256: 'hash' });
  const applications: Applications = addApplications(world, { endpoint: 'http://region', unpack });
  applications.stacks.deploy('shoal', readTemplate(operator), {});
  applications.queues.send('arn:aws:sqs:ap-northeast-1:000000000000:dead', 'letter');
  await populate(bed);
  const managed = world.autoscaling.createGroup(groupSpec({ name: 'managed', desiredCapacity: 2 }));
  const coming = world.autoscaling.createGroup(groupSpec({ name: 'coming', hooks: [launchHook] }));
  await until(() => managed.members.filter(({ state }) => state === 'InService').length === 2);
  await until(() => coming.members[0]?.state === 'Pending:Wait');
  const names = new Map([
    ['one', managed.members[0]!.instanceId],
    ['two', managed.members[1]!.instanceId],
    ['waiting', coming.members[0]!.instanceId],
  ]);
  const close = async () => {
    await applications.close();
    await world.close();
  };
  return { world, names, close };
}

/** What an earlier call began may not have come about yet. */
async function succeeds(run: () => Promise<string>): Promise<string> {
  for (const started = Date.now(); ; ) {
    try {
      return await run();
    } catch (error) {
      if (Date.now() - started > 10_000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function throughSdk(wire: typeof region.world.wire): Run {
  return async (name, operation, input) => {
    const { client: like, model } = wire.services.get(name)!;
    const Client = like.constructor as new (options: object) => SdkClient;
    const Command = model[`${operation}Command`] as new (input: object) => SdkCommand;
    const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
    const common = { region: 'ap-northeast-1', credentials, endpoint: 'http://region' };
    const client = new Client({ ...common, requestHandler: requestHandler(wire) });
    const command = new Command(input === 'unsigned' ? {} : input);
    const unsign = (next: Next) => (args: { request: { headers: Record<string, string> } }) => {
      delete args.request.headers.authorization;
      return next(args);
    };
    if (input === 'unsigned') command.middlewareStack.add(unsign, { step: 'deserialize', priority: 'low' });
    try {
      return JSON.stringify(await client.send(command));
    } catch (error) {
      throw new Error((error as Error).name, { cause: error });
    }
  };
}

type Next = (args: object) => Promise<object>;
interface SdkCommand {
  middlewareStack: { add(middleware: unknown, options: object): void };
}
interface SdkClient {
  send(command: SdkCommand): Promise<object>;
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
