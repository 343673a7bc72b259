import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand,
} from '@aws-sdk/client-auto-scaling';
import {
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  GetParametersByPathCommand,
  ListCommandInvocationsCommand,
  PutParameterCommand,
  SendCommandCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { aws } from '../../shared/aws/clients.ts';
import { notifier } from '../../shared/aws/events.ts';

/** Here the calls themselves are the subject: what is sent, and what each of AWS's answers means to us. */

const scaling = mockClient(AutoScalingClient);
const ssm = mockClient(SSMClient);
const elb = mockClient(ElasticLoadBalancingV2Client);
const bus = mockClient(EventBridgeClient);
// They stand in a class's prototype, which other files share.
afterAll(() => {
  for (const mock of [scaling, ssm, elb, bus]) mock.restore();
});
const { groups, commands, parameters, targets, notify } = aws(
  { tag: 'shoal:fleet', document: { name: 'shoal-apply', sha256: 'abc' }, source: 'shoal' },
  { region: 'x', notifier },
);

beforeEach(() => {
  for (const mock of [scaling, ssm, elb, bus]) mock.reset();
});

const failure = (name: string, message = '') => Object.assign(new Error(message), { name });

test('completing an action that is over counts as done', async () => {
  scaling
    .on(CompleteLifecycleActionCommand)
    .rejects(failure('ValidationError', 'No active Lifecycle Action found with instance ID i-1'));
  await expect(groups.complete('demo', 'shoal-launch', 'i-1', 'CONTINUE')).resolves.toBe(false);
});

test('any other refusal to complete fails, saying what was being done', async () => {
  scaling.on(CompleteLifecycleActionCommand).rejects(failure('ValidationError', 'Hook not found'));
  await expect(groups.complete('demo', 'shoal-launch', 'i-1', 'CONTINUE')).rejects.toThrow(
    /completing shoal-launch of i-1 with CONTINUE: ValidationError: Hook not found/,
  );
});

test('reads on through an empty page that names a next one', async () => {
  const parameter = { Name: '/shoal/demo/port', Value: '3128', Version: 2 };
  ssm
    .on(GetParametersByPathCommand)
    .resolvesOnce({ Parameters: [], NextToken: 'a' })
    .resolvesOnce({ Parameters: [parameter] });
  expect(await parameters.below('/shoal/demo/')).toEqual([
    { name: 'port', value: '3128', version: 2, modifiedAt: 0 },
  ]);
});

test('a throttle while reading parameters is an error, never none', async () => {
  ssm.on(GetParametersByPathCommand).rejects(failure('ThrottlingException', 'Rate exceeded'));
  await expect(parameters.below('/shoal/demo/')).rejects.toThrow(
    /reading parameters below.*ThrottlingException/,
  );
});

test('a pagination token that never ends is an error', async () => {
  ssm.on(GetParametersByPathCommand).resolves({ Parameters: [], NextToken: 'again' });
  await expect(parameters.below('/shoal/demo/')).rejects.toThrow(/more than 200 pages/);
});

test('creating a parameter that exists answers null', async () => {
  ssm.on(PutParameterCommand).rejects(failure('ParameterAlreadyExists'));
  expect(await parameters.create('/shoal-state/demo/status', '{}')).toBeNull();
});

test('sends to fifty at a time', async () => {
  ssm.on(SendCommandCommand).resolves({ Command: { CommandId: 'c' } });
  const ids = Array.from({ length: 101 }, (_, at) => `i-${at}`);
  expect((await commands.send(ids, { mode: 'check' })).ids.size).toBe(101);
  const sizes = ssm.commandCalls(SendCommandCommand).map((call) => call.args[0].input.InstanceIds?.length);
  expect(sizes).toEqual([50, 50, 1]);
});

test('names the hash of the document that is meant', async () => {
  ssm.on(SendCommandCommand).resolves({ Command: { CommandId: 'c' } });
  await commands.send(['i-1'], { mode: 'check' });
  const { input } = ssm.commandCalls(SendCommandCommand)[0]?.args[0] ?? {};
  expect(input).toMatchObject({ DocumentHash: 'abc', DocumentHashType: 'Sha256' });
});

test('another document than the one that is meant is no failure, and is sent once', async () => {
  ssm.on(SendCommandCommand).rejects(failure('InvalidDocument', 'document hash abc does not match Sha256.'));
  const sent = await commands.send(['i-1', 'i-2'], { mode: 'check' });
  expect(sent.otherDocument).toBe('document hash abc does not match Sha256.');
  expect(ssm.commandCalls(SendCommandCommand)).toHaveLength(1);
});

test('a document that is gone is an error', async () => {
  ssm.on(SendCommandCommand).rejects(failure('InvalidDocument', 'Document shoal-apply does not exist.'));
  await expect(commands.send(['i-1'], { mode: 'check' })).rejects.toThrow(/does not exist/);
});

test('one instance that takes no command does not spoil the others', async () => {
  ssm.on(SendCommandCommand).callsFake((input: { InstanceIds: string[] }) => {
    if (input.InstanceIds.includes('i-3')) throw failure('InvalidInstanceId', 'not in a valid state');
    return { Command: { CommandId: input.InstanceIds.join() } };
  });
  const sent = await commands.send(['i-1', 'i-2', 'i-3', 'i-4'], { mode: 'check' });
  expect([...sent.ids.keys()]).toEqual(['i-1', 'i-2', 'i-4']);
  expect([...sent.unreachable.keys()]).toEqual(['i-3']);
});

test('an invocation that is not known yet has no result yet', async () => {
  ssm.on(ListCommandInvocationsCommand).rejects(failure('InvocationDoesNotExist'));
  expect(await commands.results('c')).toEqual([]);
});

test('reads both spellings of a delivery that timed out', async () => {
  const invocation = (StatusDetails: string) => ({
    InstanceId: 'i-1',
    Status: 'TimedOut' as const,
    StatusDetails,
  });
  for (const spelling of ['Delivery Timed Out', 'DeliveryTimedOut']) {
    ssm.on(ListCommandInvocationsCommand).resolves({ CommandInvocations: [invocation(spelling)] });
    expect((await commands.results('c'))[0]?.state).toBe('undelivered');
  }
});

test('a script that failed still has its report read', async () => {
  const CommandPlugins = [{ Output: '{"mode":"apply"}' }];
  ssm
    .on(ListCommandInvocationsCommand)
    .resolves({ CommandInvocations: [{ InstanceId: 'i-1', StatusDetails: 'Failed', CommandPlugins }] });
  expect(await commands.results('c')).toMatchObject([{ state: 'ended', output: '{"mode":"apply"}' }]);
});

test('one invalid target does not keep the others out', async () => {
  elb.on(RegisterTargetsCommand).callsFake((input: { Targets: { Id: string }[] }) => {
    if (input.Targets.some(({ Id }) => Id === 'i-2')) throw failure('InvalidTargetException', 'not running');
    return {};
  });
  expect(await targets.register('arn', ['i-1', 'i-2', 'i-3'], 3128)).toEqual(
    new Map([['i-2', 'not running']]),
  );
});

test('whether an instance was sent a command between two times', async () => {
  ssm
    .on(ListCommandInvocationsCommand)
    .resolvesOnce({ CommandInvocations: [], NextToken: '2' })
    .resolvesOnce({ CommandInvocations: [{ CommandId: 'a' }], NextToken: '3' })
    .resolves({ CommandInvocations: [] });
  expect(await commands.wereSent('i-0a1', 0, 300_000)).toBe(true);
  expect(await commands.wereSent('i-0a1', 0, 300_000)).toBe(false);
  const [first] = ssm.commandCalls(ListCommandInvocationsCommand);
  expect(first?.args[0].input).toMatchObject({
    InstanceId: 'i-0a1',
    Filters: [
      { key: 'DocumentName', value: expect.stringMatching(/./) },
      { key: 'InvokedAfter', value: '1970-01-01T00:00:00.000Z' },
      { key: 'InvokedBefore', value: '1970-01-01T00:05:00.000Z' },
    ],
  });
});

test('a target group that is gone reads as none', async () => {
  elb.on(DescribeTargetGroupsCommand).rejects(failure('TargetGroupNotFoundException'));
  elb.resolves({});
  expect(await targets.group('arn')).toBeNull();
});

test('takes the start of the newest activity that names an instance', async () => {
  const activity = (Description: string, at: number) => ({
    ActivityId: 'a',
    AutoScalingGroupName: 'demo',
    Cause: '',
    StatusCode: 'InProgress' as const,
    Description,
    StartTime: new Date(at),
  });
  scaling.on(DescribeScalingActivitiesCommand).resolves({
    Activities: [
      activity('Launching a new EC2 instance: i-0a1', 5_000),
      activity('Terminating EC2 instance: i-0a1', 9_000),
      activity('Launching a new EC2 instance.  Status Reason: no capacity', 9_000),
    ],
  });
  expect(await groups.activityStarts('demo', ['i-0a1'])).toEqual(new Map([['i-0a1', 9_000]]));
  const ended = { ...activity('Launching a new EC2 instance: i-0a1', 5_000), EndTime: new Date(6_000) };
  const open = activity('Launching a new EC2 instance: i-0a2', 7_000);
  scaling.on(DescribeScalingActivitiesCommand).resolves({ Activities: [ended, open] });
  expect([...(await groups.activityStarts('demo', ['i-0a1', 'i-0a2'], true)).keys()]).toEqual(['i-0a2']);
  // What is under way comes first, so nothing of it can follow one that has ended.
  scaling.resetHistory();
  scaling
    .on(DescribeScalingActivitiesCommand)
    .resolvesOnce({ Activities: [open], NextToken: '2' })
    .resolves({ Activities: [{ ...open, Description: 'Launching: i-0a3' }, ended], NextToken: '3' });
  const under = await groups.activityStarts('demo', ['i-0a1', 'i-0a2', 'i-0a3'], true);
  expect([...under.keys()]).toEqual(['i-0a2', 'i-0a3']);
  expect(scaling.commandCalls(DescribeScalingActivitiesCommand)).toHaveLength(2);
});

test('finds all groups of a fleet by its tag', async () => {
  scaling.on(DescribeAutoScalingGroupsCommand).resolves({ AutoScalingGroups: [] });
  await groups.ofFleet('tokyo');
  expect(scaling.commandCalls(DescribeAutoScalingGroupsCommand)[0]?.args[0].input.Filters).toEqual([
    { Name: 'tag:shoal:fleet', Values: ['tokyo'] },
  ]);
});

test('events go to the bus in the name of the stage, ten at a time', async () => {
  bus.on(PutEventsCommand).resolves({ FailedEntryCount: 0 });
  await notify(Array.from({ length: 11 }, (_, at) => ({ type: 'Shoal Fleet Status', detail: { at } })));
  const sent = bus.commandCalls(PutEventsCommand).map(({ args }) => args[0].input.Entries ?? []);
  expect(sent.map((entries) => entries.length)).toEqual([10, 1]);
  expect(sent[1]).toEqual([{ Source: 'shoal', DetailType: 'Shoal Fleet Status', Detail: '{"at":10}' }]);
});

test('of many events those that the bus does not take are named, and the others go', async () => {
  const events = Array.from({ length: 21 }, (_, at) => ({ type: 'Shoal Launch Held', detail: { at } }));
  const Entries = [{ EventId: '1' }, { ErrorCode: 'InternalFailure', ErrorMessage: 'later' }];
  bus
    .on(PutEventsCommand)
    .rejectsOnce(failure('ThrottlingException'))
    .resolvesOnce({ FailedEntryCount: 1, Entries })
    .resolves({ FailedEntryCount: 0 });
  const refused = await notify(events);
  expect(refused.map(({ event }) => event)).toEqual([...events.slice(0, 10), events[11]]);
  expect(refused[0]?.reason).toContain('ThrottlingException');
  expect(refused[10]?.reason).toBe('InternalFailure: later');
  expect(bus.commandCalls(PutEventsCommand)).toHaveLength(3);
});
