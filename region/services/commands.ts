import type * as model from '@aws-sdk/client-ssm';
import type { Context } from '../context.ts';
import type { Instance } from '../instances.ts';
import { commandLimits } from '../limits.ts';
import { page } from '../pages.ts';
import { AwsError, account, type Service } from '../service.ts';
import { Agents, type Command, isEnded, isRegistered } from './agents.ts';
import { describeCommand, describeInvocation, describeResult } from './commands-described.ts';
import {
  type CommandDocument,
  chooseDocument,
  readDocument,
  readParameters,
  substitute,
} from './documents.ts';
import { describeInstances } from './managed-instances.ts';

export interface Commands {
  service: Pick<Service, 'operations' | 'limits'>;
  /** Creates the document or its next version, which becomes the default. `content` is JSON. */
  putDocument(name: string, content: string): CommandDocument;
  deleteDocument(name: string): void;
}

const commandsMax = 5_000;
const deliveryTimeoutSeconds = 3600;

/** Systems Manager Run Command and the managed instances it runs on. */
export function createCommands(context: Context): Commands {
  const documents = new Map<string, CommandDocument>();
  const commands = new Map<string, Command>();
  const agents = new Agents(context);
  return {
    service: {
      operations: {
        SendCommand(input: model.SendCommandRequest) {
          const command = createCommand(context, documents, input);
          commands.set(command.id, command);
          if (commands.size > commandsMax) commands.delete(commands.keys().next().value!);
          agents.advance(command);
          return { Command: describeCommand(command) };
        },
        CancelCommand(input: model.CancelCommandRequest) {
          const command = commands.get(input.CommandId ?? '');
          if (!command) throw new AwsError('InvalidCommandId');
          cancel(agents, command, input.InstanceIds ?? []);
        },
        ...lookUps(context, commands),
        DescribeInstanceInformation: (input) => describeInstances(context, input),
      },
      limits: commandLimits,
    },
    putDocument(name, content) {
      const document = readDocument(name, content, (documents.get(name)?.version ?? 0) + 1);
      documents.set(name, document);
      return document;
    },
    deleteDocument: (name) => void documents.delete(name),
  };
}

function createCommand(
  context: Context,
  documents: Map<string, CommandDocument>,
  input: model.SendCommandRequest,
): Command {
  const document = chooseDocument(documents, input);
  const parameters = readParameters(document, input.Parameters ?? {});
  const instances = chooseInstances(context, input.InstanceIds ?? []);
  const command: Command = {
    id: context.ids.uuid(),
    document,
    parameters,
    step: substitute(document, parameters),
    requestedAt: context.clock.now(),
    deliveryTimeoutSeconds: input.TimeoutSeconds ?? deliveryTimeoutSeconds,
    comment: input.Comment ?? '',
    concurrency: Math.max(1, share(input.MaxConcurrency ?? '50', instances.length)),
    errorsMax: share(input.MaxErrors ?? '0', instances.length),
    cancelled: false,
    invocations: [],
  };
  const fresh = { status: 'Pending', statusDetails: 'Pending', sent: false } as const;
  const times = { startedAt: undefined, endedAt: undefined, result: undefined };
  command.invocations = instances.map((instance) => {
    return { command, instance, ...fresh, ...times, abort: new AbortController() };
  });
  return command;
}

/** On these instances, or with none named on all. What has ended stays as it is. */
function cancel(agents: Agents, command: Command, ids: string[]): void {
  const named = ids.map((id) => {
    const found = command.invocations.find(({ instance }) => instance.instanceId === id);
    if (!found) throw new AwsError('InvalidInstanceId', `The command was not sent to ${id}.`);
    return found;
  });
  const invocations = ids.length > 0 ? named : command.invocations;
  command.cancelled ||= ids.length === 0 && !invocations.every(isEnded);
  // What has not been sent first, or each end would let another one begin.
  for (const invocation of invocations.toReversed()) agents.cancel(invocation);
}

/** One instance whose agent has never been heard of spoils the whole command; a silent one doesn't. */
function chooseInstances(context: Context, ids: string[]): Instance[] {
  if (new Set(ids).size < ids.length) throw new AwsError('DuplicateInstanceId');
  if (ids.length === 0) {
    throw new AwsError('ValidationException', 'The InstanceIds parameter must name at least one instance.');
  }
  return ids.map((id) => {
    const instance = context.instances.get(id);
    const valid = instance?.state === 'running' || instance?.state === 'stopped';
    if (valid && isRegistered(context, instance)) return instance;
    throw new AwsError(
      'InvalidInstanceId',
      `Instances [[${id}]] not in a valid state for account ${account}`,
    );
  });
}

function lookUps({ clock, pace }: Context, commands: Map<string, Command>): Service['operations'] {
  const newestFirst = () => [...commands.values()].reverse();
  // An invocation can be seen only a moment after its command was sent.
  const visible = (command: Command) => command.requestedAt + pace.deliveryMs <= clock.now();
  return {
    GetCommandInvocation({ CommandId: id, InstanceId: instanceId, PluginName: plugin }) {
      const invocation = commands
        .get(id)
        ?.invocations.find(({ instance }) => instance.instanceId === instanceId);
      if (!invocation || !visible(invocation.command)) throw new AwsError('InvocationDoesNotExist');
      const { name } = invocation.command.document.step;
      if ((plugin ?? name) !== name) throw new AwsError('InvalidPluginName');
      return describeResult(invocation);
    },
    ListCommandInvocations({ CommandId: id, InstanceId: instanceId, Details: details = false, ...input }) {
      const one = commands.get(id);
      if (id !== undefined && !one) throw new AwsError('InvalidCommandId');
      const found = (one ? [one] : newestFirst())
        .filter(visible)
        .flatMap(({ invocations }) => invocations)
        .filter(({ instance }) => (instanceId ?? instance.instanceId) === instance.instanceId)
        .filter(({ command }) =>
          (input.Filters ?? []).every((filter: model.CommandFilter) => passes(filter, command)),
        );
      const { items, next } = page(found, input.NextToken, input.MaxResults ?? 50, 'InvalidNextToken');
      const described = items.map((invocation) => describeInvocation(invocation, details));
      return { CommandInvocations: described, NextToken: next };
    },
    ListCommands({ CommandId: id, InstanceId: instanceId, ...input }) {
      const found = newestFirst().filter(
        (command) =>
          (id ?? command.id) === command.id &&
          (!instanceId || command.invocations.some(({ instance }) => instance.instanceId === instanceId)),
      );
      const { items, next } = page(found, input.NextToken, input.MaxResults ?? 50, 'InvalidNextToken');
      return { Commands: items.map(describeCommand), NextToken: next };
    },
  };
}

function passes({ key, value = '' }: model.CommandFilter, { document, requestedAt }: Command): boolean {
  if (key === 'DocumentName') return document.name === value;
  return key === 'InvokedAfter' ? requestedAt >= Date.parse(value) : requestedAt <= Date.parse(value);
}

const share = (limit: string, count: number): number =>
  limit.endsWith('%') ? Math.floor((count * Number(limit.slice(0, -1))) / 100) : Number(limit);
