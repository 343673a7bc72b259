import { createHash } from 'node:crypto';
import * as ssm from '@aws-sdk/client-ssm';
import { expect, test } from 'vitest';
import { commandDocument, passed, until } from './bed.ts';
import { contract, refusal } from './contract.ts';
import { refusalsOf } from './contract-refusals.ts';
import { fill } from './contract-rows.ts';

contract('Run Command', (region) => {
  const command = (input: Partial<ssm.SendCommandCommandInput> = {}) =>
    region.clients.ssm.send(
      new ssm.SendCommandCommand({
        DocumentName: 'shoal-apply',
        InstanceIds: [region.instanceId],
        Parameters: { mode: ['check'] },
        ...input,
      }),
    );
  const listed = async (CommandId: string) =>
    (await region.clients.ssm.send(new ssm.ListCommandInvocationsCommand({ CommandId, Details: true })))
      .CommandInvocations;
  const ended = () =>
    region.bed.eventsOf('EC2 Command Invocation Status-change Notification').at(-1)?.detail.status;

  test('runs the script with its parameters put in and returns what it wrote', async () => {
    region.bed.hosts.get(region.instanceId)!.answer = () => ({
      exitCode: 3,
      stdout: 'out',
      stderr: 'err',
      timedOut: false,
    });
    const sent = await command({ Comment: 'by hand', MaxErrors: '100%' });
    expect(sent.Command).toMatchObject({
      Status: 'Pending',
      InstanceIds: [region.instanceId],
      TargetCount: 1,
    });
    const CommandId = sent.Command!.CommandId!;
    await until(() => ended() === 'Failed');
    expect(region.bed.hosts.get(region.instanceId)?.commands).toEqual([
      {
        documentName: 'shoal-apply',
        parameters: { mode: 'check', text: 'nothing' },
        script: "mode='check'\ntext='nothing'",
        timeoutMs: 120_000,
        signal: expect.any(AbortSignal),
      },
    ]);
    const result = await region.clients.ssm.send(
      new ssm.GetCommandInvocationCommand({ CommandId, InstanceId: region.instanceId, PluginName: 'apply' }),
    );
    expect(result).toMatchObject({
      Status: 'Failed',
      ResponseCode: 3,
      StandardOutputContent: 'out',
      StandardErrorContent: 'errfailed to run commands: exit status 3',
    });
    expect(await listed(CommandId)).toMatchObject([
      {
        InstanceId: region.instanceId,
        Status: 'Failed',
        Comment: 'by hand',
        CommandPlugins: [
          {
            Name: 'apply',
            ResponseCode: 3,
            Output: 'out\n----------ERROR-------\nerrfailed to run commands: exit status 3',
          },
        ],
      },
    ]);
    const { Commands } = await region.clients.ssm.send(new ssm.ListCommandsCommand({ CommandId }));
    expect(Commands).toMatchObject([{ CommandId, Status: 'Failed', ErrorCount: 1, CompletedCount: 1 }]);
  });

  test('cuts long output where AWS cuts it', async () => {
    region.bed.hosts.get(region.instanceId)!.answer = () => passed('x'.repeat(30_000));
    const CommandId = (await command()).Command!.CommandId!;
    await until(() => ended() === 'Success');
    const result = await region.clients.ssm.send(
      new ssm.GetCommandInvocationCommand({ CommandId, InstanceId: region.instanceId }),
    );
    expect(result.StandardOutputContent).toHaveLength(24_000);
    const output = (await listed(CommandId))?.[0]?.CommandPlugins?.[0]?.Output;
    expect(output).toHaveLength(2_500);
    expect(output).toMatch(/x\n---Output truncated---$/);
  });

  test.each(refusalsOf('SendCommand'))('%s refuses %s', async (_, __, input, code) => {
    const names = new Map(
      Object.entries({ prefix: 'shoal', document: 'shoal-apply', instance: region.instanceId }),
    );
    expect((await refusal(command(fill(input, names))))?.[0]).toBe(code);
    expect(region.bed.hosts.get(region.instanceId)?.commands).toEqual([]);
  });

  test('refuses the whole command for one instance that is not online', async () => {
    const other = 'i-0bbbbbbbbbbbbbbbb';
    expect(await refusal(command({ InstanceIds: [region.instanceId, other] }))).toEqual([
      'InvalidInstanceId',
      `Instances [[${other}]] not in a valid state for account 000000000000`,
    ]);
  });

  test('takes the hash of the document that it has', async () => {
    const DocumentHash = createHash('sha256').update(commandDocument).digest('hex');
    expect((await command({ DocumentHash, DocumentHashType: 'Sha256' })).Command?.DocumentVersion).toBe('1');
  });

  test('cancels a command, whose script is killed on its host', async () => {
    region.bed.hosts.get(region.instanceId)!.answer = ({ signal }) =>
      new Promise((resolve) => {
        const killed = { exitCode: 137, stdout: 'so far', stderr: '', timedOut: false };
        signal?.addEventListener('abort', () => resolve(killed));
      });
    const CommandId = (await command()).Command!.CommandId!;
    await until(() => ended() === 'InProgress');
    const cancel = (input: Partial<ssm.CancelCommandCommandInput>) =>
      region.clients.ssm.send(new ssm.CancelCommandCommand({ CommandId, ...input }));
    expect((await refusal(cancel({ InstanceIds: ['i-0aaaaaaaaaaaaaaaa'] })))?.[0]).toBe('InvalidInstanceId');
    const unknown = '11111111-2222-4333-8444-555555555555';
    expect((await refusal(cancel({ CommandId: unknown })))?.[0]).toBe('InvalidCommandId');
    await cancel({});
    await until(() => ended() === 'Cancelled');
    expect(await listed(CommandId)).toMatchObject([{ Status: 'Cancelled', StatusDetails: 'Cancelled' }]);
    const { Commands } = await region.clients.ssm.send(new ssm.ListCommandsCommand({ CommandId }));
    expect(Commands?.[0]?.Status).toBe('Cancelled');
  });

  test('knows no invocation of a command that was never sent', async () => {
    const CommandId = '11111111-2222-4333-8444-555555555555';
    const get = region.clients.ssm.send(
      new ssm.GetCommandInvocationCommand({ CommandId, InstanceId: region.instanceId }),
    );
    expect((await refusal(get))?.[0]).toBe('InvocationDoesNotExist');
    expect((await refusal(listed(CommandId)))?.[0]).toBe('InvalidCommandId');
    const list = region.clients.ssm.send(new ssm.ListCommandsCommand({ CommandId: 'short' }));
    expect((await refusal(list))?.[0]).toBe('ValidationException');
  });

  test('describes managed instances by id', async () => {
    const describeInstances = (Key: string, Values: string[]) =>
      region.clients.ssm.send(new ssm.DescribeInstanceInformationCommand({ Filters: [{ Key, Values }] }));
    const answer = await describeInstances('InstanceIds', [region.instanceId, 'i-0aaaaaaaaaaaaaaaa']);
    expect(answer.InstanceInformationList).toMatchObject([
      { InstanceId: region.instanceId, PingStatus: 'Online', IPAddress: '10.0.0.1' },
    ]);
    const unknown = await describeInstances('InstanceIds', ['i-0aaaaaaaaaaaaaaaa']);
    expect(unknown.InstanceInformationList).toEqual([]);
    const tagged = await describeInstances('tag:shoal:fleet', ['tokyo']);
    expect(tagged.InstanceInformationList).toHaveLength(1);
    expect((await refusal(describeInstances('Colour', ['red'])))?.[0]).toBe('InvalidFilterKey');
  });
});
