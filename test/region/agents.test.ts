import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fast } from '../../region/pace.ts';
import type { RunResult } from '../../region/ports.ts';
import { commandDocument, createBed, groupSpec, passed } from './bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const call = { identity: 'me', accessKeyId: 'key', requestId: 'id' };

async function start(count = 1) {
  const bed = createBed(fast);
  bed.world.commands.putDocument('shoal-apply', commandDocument);
  const group = bed.world.autoscaling.createGroup(groupSpec({ desiredCapacity: count }));
  await advance(500);
  const ids = group.members.map(({ instanceId }) => instanceId);
  const run = (operation: string, input: object) =>
    bed.world.commands.service.operations[operation]!(input, call);
  const send = (input: object = {}) =>
    (
      run('SendCommand', {
        DocumentName: 'shoal-apply',
        InstanceIds: ids,
        Parameters: { mode: ['check'] },
        TimeoutSeconds: 30,
        ...input,
      }) as { Command: { CommandId: string } }
    ).Command.CommandId;
  const invocations = (CommandId: string) =>
    (run('ListCommandInvocations', { CommandId }) as { CommandInvocations: Record<string, string>[] })
      .CommandInvocations;
  const details = (id: string) => invocations(id).map((invocation) => invocation.StatusDetails);
  const host = bed.hosts.get(ids[0]!)!;
  return { ...bed, ids, host, run, send, invocations, details };
}

const hanging = () => {
  const finish: ((result: RunResult) => void)[] = [];
  return { finish, answer: () => new Promise<RunResult>((resolve) => finish.push(resolve)) };
};

test('an agent comes online a while after its instance', async () => {
  const { send, run, ids } = await start();
  expect(() => send()).toThrow(`Instances [[${ids[0]}]] not in a valid state`);
  expect(run('DescribeInstanceInformation', {})).toMatchObject({ InstanceInformationList: [] });
  await advance(1_000);
  expect(run('DescribeInstanceInformation', {})).toMatchObject({
    InstanceInformationList: [{ InstanceId: ids[0], PingStatus: 'Online' }],
  });
  expect(send()).toHaveLength(36);
});

test('invocations are found by their document and their time', async () => {
  const { send, run } = await start();
  await advance(1_000);
  send();
  const at = Date.now();
  await advance(2_000);
  const found = (key: string, value: string) => run('ListCommandInvocations', { Filters: [{ key, value }] });
  const [sent, none] = [
    { CommandInvocations: [{ DocumentName: 'shoal-apply' }] },
    { CommandInvocations: [] },
  ];
  const moment = (ms: number) => new Date(at + ms).toISOString();
  expect(found('DocumentName', 'shoal-apply')).toMatchObject(sent);
  expect(found('DocumentName', 'other')).toMatchObject(none);
  expect(found('InvokedAfter', moment(-1_000))).toMatchObject(sent);
  expect(found('InvokedAfter', moment(1_000))).toMatchObject(none);
  expect(found('InvokedBefore', moment(1_000))).toMatchObject(sent);
  expect(found('InvokedBefore', moment(-1_000))).toMatchObject(none);
});

test('an invocation is not to be seen right after sending', async () => {
  const { send, run, ids, details } = await start();
  await advance(1_000);
  const CommandId = send();
  expect(details(CommandId)).toEqual([]);
  const get = () => run('GetCommandInvocation', { CommandId, InstanceId: ids[0] });
  expect(get).toThrow(expect.objectContaining({ code: 'InvocationDoesNotExist' }));
  await advance(fast.deliveryMs);
  expect(details(CommandId)).toEqual(['Success']);
});

test('an agent runs five commands at a time', async () => {
  const { send, host, details } = await start();
  await advance(1_000);
  const { finish, answer } = hanging();
  host.answer = answer;
  const commands = Array.from({ length: 6 }, () => send());
  await advance(1_000);
  expect(commands.flatMap(details)).toEqual([...Array(5).fill('In Progress'), 'Pending']);
  finish[0]!(passed(''));
  await advance(0);
  expect(commands.flatMap(details)).toEqual(['Success', ...Array(5).fill('In Progress')]);
});

test('what a script overran is timed out with a response code of -1', async () => {
  const { send, host, ids, run } = await start();
  await advance(1_000);
  host.answer = () => ({ exitCode: 137, stdout: 'so far', stderr: '', timedOut: true });
  const CommandId = send();
  await advance(1_000);
  expect(run('GetCommandInvocation', { CommandId, InstanceId: ids[0] })).toMatchObject({
    Status: 'TimedOut',
    StatusDetails: 'Execution Timed Out',
    ResponseCode: -1,
    StandardOutputContent: 'so far',
  });
});

test('a machine that is gone for good can be given no command', async () => {
  const { send, world, ids, details, run, hosts } = await start(2);
  await advance(1_000);
  const some = send();
  const none = send({ InstanceIds: [ids[0]] });
  await world.instances.terminate(ids[0]!);
  await advance(1_000);
  expect(details(some)).toEqual(['Undeliverable', 'Success']);
  expect(hosts.get(ids[0]!)?.commands).toEqual([]);
  expect(run('GetCommandInvocation', { CommandId: some, InstanceId: ids[0] })).toMatchObject({
    ...{ Status: 'Failed', StatusDetails: 'Undeliverable', ResponseCode: -1, ExecutionStartDateTime: '' },
  });
  // It fails when it reached nobody, and never for a few that are gone.
  expect(run('ListCommands', {})).toMatchObject({
    Commands: [
      { CommandId: none, Status: 'Failed', StatusDetails: 'Failed', CompletedCount: 1, ErrorCount: 0 },
      { CommandId: some, Status: 'Success', StatusDetails: 'Success', CompletedCount: 2, ErrorCount: 0 },
    ],
  });
});

test('a machine that is gone holds up none of those after it', async () => {
  const { send, world, ids, details } = await start(3);
  await advance(1_000);
  const CommandId = send({ MaxConcurrency: '1' });
  await world.instances.terminate(ids[0]!);
  await advance(3_000);
  expect(details(CommandId)).toEqual(['Undeliverable', 'Success', 'Success']);
});

test('a silent agent is given no command late, which expires after both time-outs', async () => {
  const { send, world, ids, host, details, run } = await start();
  await advance(1_000);
  const id = world.faults.add({ kind: 'stop-agent', subject: ids[0]! });
  const CommandId = send();
  await advance(31_000);
  world.faults.clear(id);
  await advance(118_000);
  expect(details(CommandId)).toEqual(['Pending']);
  await advance(1_500);
  expect(details(CommandId)).toEqual(['Delivery Timed Out']);
  expect(host.commands).toEqual([]);
  expect(run('ListCommands', { CommandId })).toMatchObject({
    Commands: [{ Status: 'TimedOut', StatusDetails: 'Delivery Timed Out', DeliveryTimedOutCount: 1 }],
  });
});

test('a machine that goes while it works never answers, and its command expires', async () => {
  const { send, world, ids, host, details, run } = await start();
  await advance(1_000);
  const { finish, answer } = hanging();
  host.answer = answer;
  const CommandId = send();
  await advance(1_000);
  await world.instances.terminate(ids[0]!);
  finish[0]!(passed('too late'));
  await advance(140_000);
  expect(details(CommandId)).toEqual(['In Progress']);
  await advance(10_000);
  expect(details(CommandId)).toEqual(['Delivery Timed Out']);
  const { Commands } = run('ListCommands', { CommandId }) as {
    Commands: { ExpiresAfter: Date; RequestedDateTime: Date }[];
  };
  expect(+Commands[0]!.ExpiresAfter - +Commands[0]!.RequestedDateTime).toBe(150_000);
});

test('one at a time, and none after the first error', async () => {
  const { send, hosts, details } = await start(3);
  await advance(1_000);
  for (const host of hosts.values())
    host.answer = () => ({ exitCode: 1, stdout: '', stderr: '', timedOut: false });
  const careful = send({ MaxConcurrency: '1' });
  const bold = send({ MaxErrors: '100%' });
  await advance(1_000);
  expect(details(careful)).toEqual(['Failed', 'Terminated', 'Terminated']);
  expect(details(bold)).toEqual(['Failed', 'Failed', 'Failed']);
});
