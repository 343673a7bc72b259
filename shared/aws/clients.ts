import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';
import { limits } from '../runtime/limits.ts';
import { type Commands, commands, type Document } from './commands.ts';
import type { Notify, notifier } from './events.ts';
import type { Invoke, invoker } from './functions.ts';
import { type Groups, groups } from './groups.ts';
import { type Parameters, parameters } from './parameters.ts';
import { fewAtOnce, patience } from './patience.ts';
import { type Targets, targets } from './targets.ts';

/** AWS in the operator's words: all that the loop may read and do. */
export interface Aws {
  groups: Groups;
  parameters: Parameters;
  commands: Commands;
  targets: Targets;
  invoke: Invoke;
  notify: Notify;
}

/** What `aws` takes of an SDK client's configuration; tests give an in-process request handler. */
export type ClientConfig = Pick<SSMClientConfig, 'requestHandler' | 'region' | 'credentials' | 'endpoint'> & {
  /** Given by a function that invokes others; without it, invoking one is an error. */
  invoker?: typeof invoker;
  /** Given by a function that tells others what it did; without it, telling them is an error. */
  notifier?: typeof notifier;
};

export function aws(
  names: { tag: string; document: Document; source: string },
  { invoker, notifier, ...config }: ClientConfig = {},
): Aws {
  const requestHandler = {
    connectionTimeout: limits.connectionTimeoutSeconds * 1000,
    requestTimeout: limits.requestTimeoutSeconds * 1000,
    throwOnRequestTimeout: true,
  };
  const common = { retryStrategy: patience, requestHandler, ...config } as SSMClientConfig & object;
  // Nobody waits for a notice for long: the work is what counts.
  const noticeMs = limits.noticeTimeoutSeconds * 1000;
  const hasty = {
    maxAttempts: limits.noticeTriesMax,
    requestHandler: { ...requestHandler, connectionTimeout: noticeMs, requestTimeout: noticeMs },
    ...config,
  };
  const ssm = fewAtOnce(new SSMClient(common));
  return {
    groups: groups(fewAtOnce(new AutoScalingClient(common as object)), names.tag),
    parameters: parameters(ssm),
    commands: commands(ssm, names.document),
    targets: targets(fewAtOnce(new ElasticLoadBalancingV2Client(common as object))),
    invoke: invoker?.(common as object) ?? cannotInvoke,
    notify: notifier?.(hasty as object, names.source) ?? cannotNotify,
  };
}

const cannotInvoke: Invoke = async (functionName) => {
  throw new Error(`this function was not made to invoke ${functionName}`);
};

const cannotNotify: Notify = async () => {
  throw new Error('this function was not made to tell others');
};
