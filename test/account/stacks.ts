import { setTimeout as pause } from 'node:timers/promises';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  type Stack,
} from '@aws-sdk/client-cloudformation';
import type { Place } from './place.ts';

/** The stacks of one run. Removing what is not there is success. */
export function stacks({ prefix, region, pauseMs }: Place) {
  const client = new CloudFormationClient({ region });

  const describe = async (StackName: string): Promise<Stack | undefined> => {
    try {
      const { Stacks } = await client.send(new DescribeStacksCommand({ StackName }));
      return Stacks?.[0];
    } catch (error) {
      if (/does not exist/.test((error as Error).message)) return undefined;
      throw error;
    }
  };

  /** Undefined when it has gone. */
  const rest = async (name: string, signal?: AbortSignal): Promise<Stack | undefined> => {
    for (;;) {
      const stack = await describe(name);
      if (!stack?.StackStatus?.endsWith('_IN_PROGRESS')) return stack;
      await pause(pauseMs, undefined, { ...(signal && { signal }) });
    }
  };

  return {
    exists: async (name: string) => (await describe(`${prefix}${name}`)) !== undefined,
    async output(name: string, key: string) {
      const stack = await describe(`${prefix}${name}`);
      return stack?.Outputs?.find(({ OutputKey }) => OutputKey === key)?.OutputValue ?? '';
    },
    /** @throws Error with CloudFormation's reason when it does not come about. */
    async create(name: string, TemplateBody: string, values: Record<string, string>, signal: AbortSignal) {
      const StackName = `${prefix}${name}`;
      const Parameters = Object.entries(values).map(([ParameterKey, ParameterValue]) => ({
        ...{ ParameterKey, ParameterValue },
      }));
      await client.send(
        new CreateStackCommand({
          ...{ StackName, TemplateBody, Parameters },
          Capabilities: ['CAPABILITY_NAMED_IAM'],
          // The run removes it in any case, and its events say what went wrong until then.
          OnFailure: 'DO_NOTHING',
        }),
      );
      const { StackStatus, StackStatusReason = '' } = (await rest(StackName, signal)) ?? {};
      if (StackStatus !== 'CREATE_COMPLETE')
        throw new Error(`${StackName}: ${StackStatus} ${StackStatusReason}`);
    },
    async remove(name: string) {
      const StackName = `${prefix}${name}`;
      if ((await describe(StackName)) === undefined) return;
      await client.send(new DeleteStackCommand({ StackName }));
      const { StackStatus = 'DELETE_COMPLETE', StackStatusReason = '' } = (await rest(StackName)) ?? {};
      if (StackStatus !== 'DELETE_COMPLETE')
        throw new Error(`${StackName}: ${StackStatus} ${StackStatusReason}`);
    },
  };
}
