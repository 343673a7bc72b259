import {
  type CommandFilter,
  DescribeInstanceInformationCommand,
  ListCommandInvocationsCommand,
  SendCommandCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { limits } from '../runtime/limits.ts';
import { doing, isDenied, isNotYet, isOtherDocument, isUnreachable } from './errors.ts';
import { batches, pages } from './pages.ts';

/** The document that commands run, and the sha256 of the text that is meant; empty for whatever is deployed. */
export interface Document {
  name: string;
  sha256: string;
}

export interface Sent {
  /** Command id for each instance that a command could be sent to. */
  ids: Map<string, string>;
  /** Instances that AWS takes no command for right now, with AWS's reason. */
  unreachable: Map<string, string>;
  /** AWS's words when the document that is deployed is another one; null when it is the one that is meant. */
  otherDocument: string | null;
}

export interface Result {
  instance: string;
  /** `pending` until the host has answered or cannot answer any more. */
  state: 'pending' | 'ended' | 'undelivered';
  /** Standard output; the report of the host script when the state is `ended`. */
  output: string;
  /** AWS's words for the end: Success, Failed, DeliveryTimedOut, … */
  detail: string;
}

export interface Agent {
  online: boolean;
  /** Its last ping, epoch milliseconds. */
  seenAt: number | null;
}

export interface Commands {
  /** What is known of each agent of `instances`; one that never registered is left out. */
  agents(instances: string[]): Promise<Map<string, Agent>>;
  send(instances: string[], parameters: Record<string, string>): Promise<Sent>;
  results(commandId: string): Promise<Result[]>;
  /** Whether a command was sent to the instance between two times, epoch milliseconds. */
  wereSent(instance: string, after: number, before: number): Promise<boolean>;
}

export function commands(client: SSMClient, document: Document): Commands {
  return {
    agents: (instances) =>
      doing('reading which agents are online', async () => {
        const agents = new Map<string, Agent>();
        for (const Values of batches(instances, limits.agentInstancesMax)) {
          const found = await pages(async (NextToken) => {
            const page = await client.send(
              new DescribeInstanceInformationCommand({
                Filters: [{ Key: 'InstanceIds', Values }],
                MaxResults: limits.agentInstancesMax,
                NextToken,
              }),
            );
            return { items: page.InstanceInformationList ?? [], next: page.NextToken };
          });
          for (const { InstanceId = '', PingStatus, LastPingDateTime } of found)
            agents.set(InstanceId, {
              online: PingStatus === 'Online',
              seenAt: LastPingDateTime?.getTime() ?? null,
            });
        }
        return agents;
      }),
    send: async (instances, parameters) => {
      const sent: Sent = { ids: new Map(), unreachable: new Map(), otherDocument: null };
      const Parameters = Object.fromEntries(
        Object.entries(parameters).map(([name, value]) => [name, [value]]),
      );
      for (const batch of batches(instances, limits.commandInstancesMax))
        await doing(`sending ${document.name} to ${batch.join(', ')}`, async () => {
          const denied: unknown[] = [];
          await sendInHalves(batch, Parameters, sent, denied);
          // One untagged instance is its own fault; all of them denied is a permission that is missing.
          if (denied.length === batch.length) throw denied[0];
        });
      return sent;
    },
    results: (CommandId) =>
      doing(`reading the results of command ${CommandId}`, () =>
        pages(async (NextToken) => {
          const page = await client
            .send(new ListCommandInvocationsCommand({ CommandId, Details: true, MaxResults: 50, NextToken }))
            .catch((error: unknown) => {
              if (isNotYet(error)) return { CommandInvocations: [], NextToken: undefined };
              throw error;
            });
          return { items: (page.CommandInvocations ?? []).map(toResult), next: page.NextToken };
        }),
      ),
    wereSent: (InstanceId, after, before) =>
      doing(`reading what was sent to ${InstanceId}`, async () => {
        const found = await pages(async (NextToken) => {
          const Filters: CommandFilter[] = [
            { key: 'DocumentName', value: document.name },
            { key: 'InvokedAfter', value: new Date(after).toISOString() },
            { key: 'InvokedBefore', value: new Date(before).toISOString() },
          ];
          const page = await client.send(
            new ListCommandInvocationsCommand({ InstanceId, Filters, NextToken }),
          );
          const some = page.CommandInvocations ?? [];
          return { items: some, next: some.length > 0 ? undefined : page.NextToken };
        });
        return found.length > 0;
      }),
  };

  /** One id that AWS will not take spoils a whole call, so a refused one is split until the culprits stand alone. */
  async function sendInHalves(
    ids: string[],
    Parameters: Record<string, string[]>,
    sent: Sent,
    denied: unknown[],
  ): Promise<void> {
    try {
      const answer = await client.send(
        new SendCommandCommand({
          DocumentName: document.name,
          ...(document.sha256 !== '' && { DocumentHash: document.sha256, DocumentHashType: 'Sha256' }),
          InstanceIds: ids,
          Parameters,
          TimeoutSeconds: limits.commandDeliverySeconds,
          MaxConcurrency: '100%',
          MaxErrors: '100%',
        }),
      );
      for (const id of ids) sent.ids.set(id, answer.Command?.CommandId ?? '');
    } catch (error) {
      if (isOtherDocument(error)) {
        sent.otherDocument = (error as Error).message;
        return;
      }
      if (!isUnreachable(error)) throw error;
      if (ids.length === 1) {
        if (isDenied(error)) denied.push(error);
        sent.unreachable.set(ids[0] as string, (error as Error).message);
        return;
      }
      const half = Math.ceil(ids.length / 2);
      await sendInHalves(ids.slice(0, half), Parameters, sent, denied);
      await sendInHalves(ids.slice(half), Parameters, sent, denied);
    }
  }
}

function toResult(invocation: {
  InstanceId?: string | undefined;
  Status?: string | undefined;
  StatusDetails?: string | undefined;
  CommandPlugins?: { Output?: string | undefined }[] | undefined;
}): Result {
  const detail = (invocation.StatusDetails ?? invocation.Status ?? '').replaceAll(' ', '');
  return {
    instance: invocation.InstanceId ?? '',
    state: stateOf(detail),
    output: invocation.CommandPlugins?.[0]?.Output ?? '',
    detail,
  };
}

function stateOf(detail: string): Result['state'] {
  if (['Success', 'Failed', 'ExecutionTimedOut'].includes(detail)) return 'ended';
  if (['Pending', 'InProgress', 'Delayed', 'Cancelling'].includes(detail)) return 'pending';
  return 'undelivered';
}
