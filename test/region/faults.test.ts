import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { machineClock } from '../../region/clock.ts';
import { runFaultWords } from '../../region/fault-words.ts';
import { Faults } from '../../region/faults.ts';
import { fast } from '../../region/pace.ts';
import type { Sandboxes } from '../../region/ports.ts';
import { commandDocument, createBed, groupSpec } from './bed.ts';
import { call, start } from './functions-bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function world(count = 1) {
  const bed = createBed(fast);
  bed.world.commands.putDocument('shoal-apply', commandDocument);
  bed.world.autoscaling.createGroup(groupSpec({ desiredCapacity: count }));
  await advance(1_500);
  const { operations } = bed.world.wire.services.get('ssm')!;
  const run = (operation: string, input: object) =>
    operations[operation]!(input, call) as Record<string, unknown>;
  const fault = (...words: string[]) => runFaultWords(bed.world, words);
  return { ...bed, run, fault, ids: [...bed.hosts.keys()] };
}

describe('the words of a fault', () => {
  test.each([
    [['throttle', 'send-command', '3'], 'fault 1: throttle SendCommand, 3 times'],
    [['lose', 'launch'], 'fault 1: lose EC2 Instance-launch Lifecycle Action, once'],
    [['delay', 'parameter', '7', '20%'], 'fault 1: delay Parameter Store Change 7 s, 20%'],
    [['double', 'My Event', 'always'], 'fault 1: double My Event, always'],
    [['slow-agent', 'new', '5', '2'], 'fault 1: slow-agent new 5 s, 2 times'],
  ])('%j', async (words, text) => {
    const { fault } = await world(0);
    expect(fault(...words)).toBe(text);
    expect(fault('list')).toContain(text.slice(9));
    expect(fault('clear', '1')).toBe('fault 1 is cleared');
    expect(fault('list')).toBe('no fault is in force');
  });

  test.each([
    [['explode', 'x'], 'explode is no fault: fault help lists them'],
    [
      ['throttle', 'SendComand'],
      'needs an operation, such as SendCommand, or admit:SendCommand, not SendComand',
    ],
    [['lose', 'lunch'], 'needs an event: launch, terminate, parameter, command, schedule, or'],
    [['delay', 'launch'], 'expected SECONDS, a whole number'],
    [['stop-agent', 'i-0'], 'needs an instance, or new for those to come, not i-0'],
    [['crash', 'admit', '1'], 'needs a function, such as admit'],
    [['lose', 'launch', '120%'], 'expected how often as a number, a percentage such as 20%, or always'],
    [['stale-reads', 'shoal'], 'needs a path that begins with /, not shoal'],
    [['lose', 'launch', '1', 'now'], 'what is now?'],
    [['clear', '9'], 'there is no fault 9'],
  ])('%j are refused with what is expected', async (words, reason) => {
    const { fault } = await world(0);
    expect(() => fault(...words)).toThrow(reason);
  });
});

describe('a fault', () => {
  test('that loses, doubles or delays an event strikes as often as it was told', async () => {
    const { world: region } = await world(0);
    const { faults } = region;
    faults.add({ kind: 'lose', subject: 'a', times: 1 });
    expect([faults.deliveriesOf('b'), faults.deliveriesOf('a'), faults.deliveriesOf('a')]).toEqual([
      [0],
      [],
      [0],
    ]);
    faults.add({ kind: 'double', subject: 'a', times: 1 });
    faults.add({ kind: 'delay', subject: 'a', amount: 3, times: 2 });
    expect([faults.deliveriesOf('a'), faults.deliveriesOf('a')]).toEqual([[3_000, 3_000], [3_000]]);
    expect(faults.list()).toEqual([]);
    faults.add({ kind: 'lose', subject: 'a', rate: 0 });
    expect(faults.deliveriesOf('a')).toEqual([0]);
  });

  test('of a stopped agent leaves commands undelivered until it is cleared', async () => {
    const { run, fault, ids, hosts } = await world();
    fault('stop-agent', ids[0]!);
    expect(run('DescribeInstanceInformation', {})).toMatchObject({
      InstanceInformationList: [{ PingStatus: 'ConnectionLost' }],
    });
    const send = { DocumentName: 'shoal-apply', InstanceIds: ids, Parameters: { mode: ['check'] } };
    run('SendCommand', { ...send, TimeoutSeconds: 30 });
    await advance(151_000);
    const list = () => run('ListCommandInvocations', {}).CommandInvocations as Record<string, string>[];
    expect(list().map((one) => one.StatusDetails)).toEqual(['Delivery Timed Out']);
    run('SendCommand', { ...send, TimeoutSeconds: 30 });
    await advance(5_000);
    expect(hosts.get(ids[0]!)?.commands).toEqual([]);
    fault('clear');
    await advance(2_000);
    expect(list().map((one) => one.Status)).toEqual(['Success', 'TimedOut']);
  });

  test('of new agents befalls as many as it was told', async () => {
    const { world: region, run, fault } = await world(0);
    fault('stop-agent', 'new', '1');
    region.autoscaling.createGroup(groupSpec({ name: 'others', desiredCapacity: 2 }));
    await advance(60_000);
    expect(run('DescribeInstanceInformation', {}).InstanceInformationList).toHaveLength(1);
  });

  test('of stale reads shows the version before, and short pages lose no name', async () => {
    const { world: region, run, fault } = await world(0);
    for (let n = 0; n < 9; n += 1) {
      region.parameters.put({ Name: `/shoal/a/p${n}`, Value: 'old', Type: 'String' });
    }
    region.parameters.put({ Name: '/shoal/a/p0', Value: 'new', Type: 'String', Overwrite: true });
    fault('stale-reads', '/shoal/', '2');
    const value = () => (run('GetParameter', { Name: '/shoal/a/p0' }).Parameter as { Value: string }).Value;
    expect([value(), value(), value()]).toEqual(['old', 'old', 'new']);
    fault('short-pages', '/shoal/', 'always');
    const names: string[] = [];
    const tokens: unknown[] = [];
    let NextToken: string | undefined;
    do {
      const page = run('GetParametersByPath', { Path: '/shoal/a', MaxResults: 4, NextToken });
      names.push(...(page.Parameters as { Name: string }[]).map(({ Name }) => Name));
      NextToken = page.NextToken as string | undefined;
      tokens.push(NextToken);
    } while (NextToken);
    expect(names).toHaveLength(9);
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(tokens.length).toBeGreaterThan(6);
  });

  test('crashes the environment that makes the call, and no other', async () => {
    const faults = new Faults(machineClock, () => 0.5);
    const identity = 'arn:aws:sts::000000000000:assumed-role/shoal/work';
    const calls = async (count: number, token: string) => {
      for (let n = 0; n < count; n += 1) if (faults.crashes(identity, token)) await new Promise(() => {});
    };
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let environments = 0;
    const sandboxes: Sandboxes = {
      async start({ environment: { AWS_SESSION_TOKEN: token = '' } }) {
        const first = ++environments === 1;
        const invoke = async () => {
          await calls(first ? 1 : 3, token);
          if (first) await held;
          return 'done';
        };
        return { invoke, stop: async () => {} };
      },
    };
    const { functions, invoke } = start(() => {}, { options: { faults, sandboxes } });
    faults.add({ kind: 'crash', subject: 'work', amount: 2, times: 1 });
    const other = invoke();
    expect(await invoke()).toMatchObject({
      FunctionError: 'Unhandled',
      payload: { errorType: 'Runtime.ExitError' },
    });
    goOn();
    expect(await other).toMatchObject({ payload: 'done' });
    // The calls of its own invocation are counted, not those of the environment's whole life.
    faults.add({ kind: 'crash', subject: 'work', amount: 2, times: 1 });
    expect([await invoke(), await invoke()]).toMatchObject([{ payload: 'done' }, { payload: 'done' }]);
    await functions.close();
  });

  /** A call of one of a function's environments, or of a person. */
  const ask = (region: Awaited<ReturnType<typeof world>>['world'], key: string, token: string) =>
    region.wire.handle({
      method: 'POST',
      path: '/',
      query: { Action: 'DescribeAutoScalingGroups', Version: '2011-01-01' },
      headers: {
        authorization: `Credential=${key}/20260101/ap-northeast-1/autoscaling/aws4_request`,
        'x-amz-security-token': token,
      },
      body: new Uint8Array(),
    });

  test('tells environments apart by their session tokens', async () => {
    const { world: region } = await world(0);
    region.wire.identities.set('ASIA', 'arn:aws:iam::000000000000:user/shoal-admit');
    const dead: string[][] = [];
    region.faults.onCrash((...who) => void dead.push(who));
    region.faults.add({ kind: 'crash', subject: 'shoal-admit', amount: 2 });
    await Promise.all([ask(region, 'ASIA', 'one'), ask(region, 'ASIA', 'two'), ask(region, 'AKIA', 'two')]);
    expect(dead).toEqual([]);
    void ask(region, 'ASIA', 'two');
    expect(dead).toEqual([['shoal-admit', 'two']]);
  });

  test('throttles an operation in its service’s own words', async () => {
    const { world: region, fault } = await world(0);
    fault('throttle', 'describe-auto-scaling-groups');
    const [first, second] = [await ask(region, 'AKIA', ''), await ask(region, 'AKIA', '')];
    expect(Buffer.from(first.body).toString()).toContain('<Code>Throttling</Code>');
    expect(second.statusCode).toBe(200);
  });

  test('throttles one function alone', async () => {
    const { world: region, fault } = await world(0);
    const ListFunctions = () => ({ Functions: [{ FunctionName: 'shoal-admit' }] });
    region.add({ ...region.wire.services.get('sts')!, name: 'lambda', operations: { ListFunctions } });
    region.wire.identities.set('ASIA', 'arn:aws:iam::000000000000:user/shoal-admit');
    expect(() => fault('throttle', 'nobody:DescribeAutoScalingGroups')).toThrow('needs an operation');
    expect(fault('throttle', 'admit:describe-auto-scaling-groups')).toBe(
      'fault 1: throttle shoal-admit:DescribeAutoScalingGroups, once',
    );
    const answers = [
      await ask(region, 'AKIA', ''),
      await ask(region, 'ASIA', ''),
      await ask(region, 'ASIA', ''),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 400, 200]);
  });
});
