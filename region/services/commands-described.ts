import type * as model from '@aws-sdk/client-ssm';
import { type Command, type Invocation, isEnded, isError } from './agents.ts';
import { truncateOutput } from './documents.ts';

const stdoutMax = 24_000;
const stderrMax = 8_000;
const pluginOutputMax = 2_500;

export function describeCommand(command: Command): model.Command {
  const { invocations } = command;
  const count = (details: string) => invocations.filter((one) => one.statusDetails === details).length;
  const running = invocations.some((invocation) => !isEnded(invocation));
  const begun = invocations.some(({ status }) => status !== 'Pending');
  const { cancelled } = command;
  // It can be a success over some that nothing was delivered to: judge invocations, never the command.
  const failed = invocations.some(isError) || count('Undeliverable') === invocations.length;
  const expired = count('Delivery Timed Out') >= Math.max(1, command.errorsMax);
  const open = cancelled ? 'Cancelling' : begun ? 'InProgress' : 'Pending';
  const ended = cancelled ? 'Cancelled' : failed ? 'Failed' : expired ? 'TimedOut' : 'Success';
  const status = running ? open : ended;
  const spelled: Record<string, string> = { InProgress: 'In Progress', TimedOut: 'Delivery Timed Out' };
  return {
    CommandId: command.id,
    DocumentName: command.document.name,
    DocumentVersion: `${command.document.version}`,
    Comment: command.comment,
    ExpiresAfter: new Date(
      command.requestedAt + command.deliveryTimeoutSeconds * 1000 + command.step.timeoutMs,
    ),
    Parameters: Object.fromEntries(
      Object.entries(command.parameters).map(([name, value]) => [name, [value]]),
    ),
    InstanceIds: invocations.map(({ instance }) => instance.instanceId),
    Targets: [],
    RequestedDateTime: new Date(command.requestedAt),
    Status: status,
    StatusDetails: spelled[status] ?? status,
    MaxConcurrency: `${command.concurrency}`,
    MaxErrors: `${command.errorsMax}`,
    TargetCount: invocations.length,
    CompletedCount: invocations.filter(isEnded).length,
    ErrorCount: invocations.filter(isError).length,
    DeliveryTimedOutCount: count('Delivery Timed Out'),
    TimeoutSeconds: command.deliveryTimeoutSeconds,
  };
}

const identify = ({ command, instance, status, statusDetails }: Invocation) => ({
  CommandId: command.id,
  InstanceId: instance.instanceId,
  Comment: command.comment,
  DocumentName: command.document.name,
  DocumentVersion: `${command.document.version}`,
  Status: status,
  StatusDetails: statusDetails,
  StandardOutputUrl: '',
  StandardErrorUrl: '',
});

/** The agent notes a script's exit status at the end of its standard error. */
function streams({ result }: Invocation): { stdout: string; stderr: string } {
  if (!result) return { stdout: '', stderr: '' };
  const note = result.exitCode === 0 ? '' : `failed to run commands: exit status ${result.exitCode}`;
  return { stdout: result.stdout, stderr: result.stderr + note };
}

const responseCode = ({ result }: Invocation): number => (result && !result.timedOut ? result.exitCode : -1);

export function describeResult(invocation: Invocation): model.GetCommandInvocationResult {
  const { startedAt, endedAt } = invocation;
  const begun = startedAt !== undefined && invocation.status !== 'Pending';
  const { stdout, stderr } = streams(invocation);
  return {
    ...identify(invocation),
    PluginName: invocation.command.document.step.name,
    ResponseCode: responseCode(invocation),
    ExecutionStartDateTime: begun ? new Date(startedAt).toISOString() : '',
    ExecutionElapsedTime: begun && endedAt !== undefined ? `PT${(endedAt - startedAt) / 1000}S` : '',
    ExecutionEndDateTime: begun && endedAt !== undefined ? new Date(endedAt).toISOString() : '',
    StandardOutputContent: stdout.slice(0, stdoutMax),
    StandardErrorContent: stderr.slice(0, stderrMax),
    CloudWatchOutputConfig: { CloudWatchLogGroupName: '', CloudWatchOutputEnabled: false },
  };
}

export function describeInvocation(invocation: Invocation, withDetails: boolean): model.CommandInvocation {
  const { command, status, statusDetails, startedAt, endedAt } = invocation;
  const { stdout, stderr } = streams(invocation);
  const plugin: model.CommandPlugin = {
    Name: command.document.step.name,
    Status: status === 'Cancelling' ? 'InProgress' : status,
    StatusDetails: statusDetails,
    ResponseCode: responseCode(invocation),
    ...(startedAt === undefined ? {} : { ResponseStartDateTime: new Date(startedAt) }),
    ...(endedAt === undefined ? {} : { ResponseFinishDateTime: new Date(endedAt) }),
    Output: truncateOutput(stdout, stderr, pluginOutputMax),
  };
  return {
    ...identify(invocation),
    InstanceName: '',
    RequestedDateTime: new Date(command.requestedAt),
    CommandPlugins: withDetails ? [plugin] : [],
    ServiceRole: '',
  };
}
