import type * as model from '@aws-sdk/client-ssm';
import type { Instance } from '../instances.ts';
import { commandLimits } from '../limits.ts';
import { page } from '../pages.ts';
import { AwsError, account, type Service } from '../service.ts';
import type { Context } from '../world.ts';
import { type Command, createAgents, type Invocation, isEnded, isOnline } from './agents.ts';
import {
  type CommandDocument,
  chooseDocument,
  readDocument,
  readParameters,
  truncateOutput,
} from './documents.ts';

export interface Commands {
  service: Pick<Service, 'operations' | 'limits'>;
  /** Creates the document or its next version, which becomes the default. `content` is JSON. */
  putDocument(name: string, content: string): CommandDocument;
  deleteDocument(name: string): void;
}

const commandsMax = 5_000;
const stdoutMax = 24_000;
const stderrMax = 8_000;
const pluginOutputMax = 2_500;
const deliveryTimeoutSeconds = 3600;

/** Systems Manager Run Command and the managed instances it runs on. */
export function createCommands(context: Context): Commands {
  const documents = new Map<string, CommandDocument>();
  const commands = new Map<string, Command>();
  const agents = createAgents(context);
  /** An invocation can be seen only a moment after its command was sent. */
  const visible = (command: Command) => command.requestedAt + context.pace.deliveryMs <= context.clock.now();

  function chooseInstances(ids: string[]): Instance[] {
    if (new Set(ids).size < ids.length) throw new AwsError('DuplicateInstanceId');
    if (ids.length === 0) {
      throw new AwsError('ValidationException', 'The InstanceIds parameter must name at least one instance.');
    }
    return ids.map((id) => {
      const instance = context.instances.get(id);
      if (instance && isOnline(context, instance)) return instance;
      throw new AwsError(
        'InvalidInstanceId',
        `Instances [[${id}]] not in a valid state for account ${account}`,
      );
    });
  }

  const operations: Service['operations'] = {
    SendCommand(input: model.SendCommandRequest) {
      const document = chooseDocument(documents, input);
      const parameters = readParameters(document, input.Parameters ?? {});
      const instances = chooseInstances(input.InstanceIds ?? []);
      const command: Command = {
        id: context.ids.uuid(),
        document,
        parameters,
        requestedAt: context.clock.now(),
        deliveryTimeoutSeconds: input.TimeoutSeconds ?? deliveryTimeoutSeconds,
        comment: input.Comment ?? '',
        concurrency: Math.max(1, share(input.MaxConcurrency ?? '50', instances.length)),
        errorsMax: share(input.MaxErrors ?? '0', instances.length),
        invocations: [],
      };
      command.invocations = instances.map((instance) => ({
        command,
        instance,
        status: 'Pending',
        statusDetails: 'Pending',
        startedAt: undefined,
        endedAt: undefined,
        result: undefined,
      }));
      commands.set(command.id, command);
      if (commands.size > commandsMax) commands.delete(commands.keys().next().value!);
      agents.advance(command);
      return { Command: describeCommand(command) };
    },
    GetCommandInvocation({ CommandId: id, InstanceId: instanceId, PluginName: plugin }) {
      const invocation = commands
        .get(id)
        ?.invocations.find(({ instance }) => instance.instanceId === instanceId);
      if (!invocation || !visible(invocation.command)) throw new AwsError('InvocationDoesNotExist');
      if (plugin !== undefined && plugin !== invocation.command.document.step.name) {
        throw new AwsError('InvalidPluginName');
      }
      return describeResult(invocation);
    },
    ListCommandInvocations(input: model.ListCommandInvocationsRequest) {
      if (input.CommandId !== undefined && !commands.has(input.CommandId)) {
        throw new AwsError('InvalidCommandId');
      }
      const found = [...commands.values()]
        .reverse()
        .filter((command) => visible(command) && (input.CommandId ?? command.id) === command.id)
        .flatMap(({ invocations }) => invocations)
        .filter(({ instance }) => (input.InstanceId ?? instance.instanceId) === instance.instanceId);
      const { items, next } = page(found, input.NextToken, input.MaxResults ?? 50, 'InvalidNextToken');
      return {
        CommandInvocations: items.map((invocation) => describeInvocation(invocation, input.Details ?? false)),
        NextToken: next,
      };
    },
    ListCommands(input: model.ListCommandsRequest) {
      const found = [...commands.values()]
        .reverse()
        .filter(
          ({ id, invocations }) =>
            (input.CommandId ?? id) === id &&
            (!input.InstanceId || invocations.some((i) => i.instance.instanceId === input.InstanceId)),
        );
      const { items, next } = page(found, input.NextToken, input.MaxResults ?? 50, 'InvalidNextToken');
      return { Commands: items.map(describeCommand), NextToken: next };
    },
    DescribeInstanceInformation(input: model.DescribeInstanceInformationRequest) {
      const managed = context.instances
        .all()
        .filter(({ agentOnlineAt }) => agentOnlineAt <= context.clock.now())
        .filter((instance) => (input.Filters ?? []).every((filter) => matches(context, instance, filter)));
      const { items, next } = page(managed, input.NextToken, input.MaxResults ?? 10, 'InvalidNextToken');
      return {
        InstanceInformationList: items.map((instance) => describeInstance(context, instance)),
        NextToken: next,
      };
    },
  };
  return {
    service: { operations, limits: commandLimits },
    putDocument(name, content) {
      const document = readDocument(name, content, (documents.get(name)?.version ?? 0) + 1);
      documents.set(name, document);
      return document;
    },
    deleteDocument: (name) => void documents.delete(name),
  };
}

const share = (limit: string, count: number): number =>
  limit.endsWith('%') ? Math.floor((count * Number(limit.slice(0, -1))) / 100) : Number(limit);

function matches(
  context: Context,
  instance: Instance,
  filter: model.InstanceInformationStringFilter,
): boolean {
  const { Key: key = '', Values: values = [] } = filter;
  if (key === 'InstanceIds') return values.includes(instance.instanceId);
  if (key === 'PingStatus') return values.includes(pingStatus(context, instance));
  if (key.startsWith('tag:')) return values.includes(instance.tags[key.slice(4)] ?? '');
  throw new AwsError('InvalidFilterKey', `The filter key ${key} is not supported in this region.`);
}

const pingStatus = (context: Context, instance: Instance) =>
  isOnline(context, instance) ? 'Online' : 'ConnectionLost';

const describeInstance = (context: Context, instance: Instance): model.InstanceInformation => ({
  InstanceId: instance.instanceId,
  PingStatus: pingStatus(context, instance),
  LastPingDateTime: new Date(context.clock.now()),
  AgentVersion: '3.3.2746.0',
  IsLatestVersion: true,
  PlatformType: 'Linux',
  ResourceType: 'EC2Instance',
  IPAddress: instance.host!.address,
  ComputerName: instance.instanceId,
});

function describeCommand(command: Command): model.Command {
  const { invocations } = command;
  const count = (status: string) => invocations.filter((invocation) => invocation.status === status).length;
  const errors = count('Failed') + count('TimedOut');
  const running = invocations.some((invocation) => !isEnded(invocation));
  const begun = invocations.some(({ status }) => status !== 'Pending');
  // A delivery time-out alone doesn't make a command fail: judge invocations, never the command.
  const failed = invocations.some((i) => i.status === 'Failed' || i.statusDetails === 'Execution Timed Out');
  const status = running ? (begun ? 'InProgress' : 'Pending') : failed ? 'Failed' : 'Success';
  return {
    CommandId: command.id,
    DocumentName: command.document.name,
    DocumentVersion: `${command.document.version}`,
    Comment: command.comment,
    ExpiresAfter: new Date(command.requestedAt + command.deliveryTimeoutSeconds * 1000),
    Parameters: Object.fromEntries(
      Object.entries(command.parameters).map(([name, value]) => [name, [value]]),
    ),
    InstanceIds: invocations.map(({ instance }) => instance.instanceId),
    Targets: [],
    RequestedDateTime: new Date(command.requestedAt),
    Status: status,
    StatusDetails: status === 'InProgress' ? 'In Progress' : status,
    MaxConcurrency: `${command.concurrency}`,
    MaxErrors: `${command.errorsMax}`,
    TargetCount: invocations.length,
    CompletedCount: invocations.filter(isEnded).length,
    ErrorCount: errors,
    DeliveryTimedOutCount: invocations.filter((i) => i.statusDetails === 'Delivery Timed Out').length,
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

function describeResult(invocation: Invocation): model.GetCommandInvocationResult {
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

function describeInvocation(invocation: Invocation, withDetails: boolean): model.CommandInvocation {
  const { command, status, statusDetails, startedAt, endedAt } = invocation;
  const { stdout, stderr } = streams(invocation);
  const plugin: model.CommandPlugin = {
    Name: command.document.step.name,
    Status: status,
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
