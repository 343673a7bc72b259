import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runFaultWords } from '../../region/fault-words.ts';
import { fast } from '../../region/pace.ts';
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
    [['throttle', 'SendComand'], 'needs an operation of the region, such as SendCommand, not SendComand'],
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
    await advance(31_000);
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

  test('crashes a function at its call, and its next invocation lives', async () => {
    const { functions, faults, invoke } = start(async () => {
      for (let calls = 0; calls < 3; calls += 1) {
        if (faults.crashes('arn:aws:sts::000000000000:assumed-role/shoal/work')) await new Promise(() => {});
      }
      return 'done';
    });
    faults.add({ kind: 'crash', subject: 'work', amount: 2, times: 1 });
    expect(await invoke()).toMatchObject({
      FunctionError: 'Unhandled',
      payload: { errorType: 'Runtime.ExitError' },
    });
    expect(await invoke()).toMatchObject({ payload: 'done' });
    await functions.close();
  });

  test('throttles an operation in its service’s own words', async () => {
    const { world: region, fault } = await world(0);
    fault('throttle', 'describe-auto-scaling-groups');
    const answer = () =>
      region.wire.handle({
        method: 'POST',
        path: '/',
        query: { Action: 'DescribeAutoScalingGroups', Version: '2011-01-01' },
        headers: { authorization: 'Credential=AKIA/20260101/ap-northeast-1/autoscaling/aws4_request' },
        body: new Uint8Array(),
      });
    const [first, second] = [await answer(), await answer()];
    expect(Buffer.from(first.body).toString()).toContain('<Code>Throttling</Code>');
    expect(second.statusCode).toBe(200);
  });
});
