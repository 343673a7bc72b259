import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';
import { type Commands, commands } from './commands.ts';
import { doing } from './errors.ts';
import { type Groups, groups } from './groups.ts';
import { type Parameters, parameters } from './parameters.ts';
import { type Targets, targets } from './targets.ts';

/** AWS in the operator's words: all that the loop may read and do. */
export interface Aws {
  groups: Groups;
  parameters: Parameters;
  commands: Commands;
  targets: Targets;
  /** Starts an asynchronous invocation; it has been accepted when this resolves. */
  invoke(functionName: string, event: object): Promise<void>;
}

/** What `aws` takes of an SDK client's configuration; tests give an in-process request handler. */
export type ClientConfig = Pick<SSMClientConfig, 'requestHandler' | 'region' | 'credentials' | 'endpoint'>;

export function aws(names: { tag: string; document: string }, config: ClientConfig = {}): Aws {
  // Throttles and 5xx are retried with the SDK's own back-off, longer than its default of three tries.
  const common = { maxAttempts: 8, ...config } as SSMClientConfig & object;
  const ssm = new SSMClient(common);
  const lambda = new LambdaClient(common as object);
  return {
    groups: groups(new AutoScalingClient(common as object), names.tag),
    parameters: parameters(ssm),
    commands: commands(ssm, names.document),
    targets: targets(new ElasticLoadBalancingV2Client(common as object)),
    invoke: (FunctionName, event) =>
      doing(`invoking ${FunctionName}`, async () => {
        const Payload = new TextEncoder().encode(JSON.stringify(event));
        await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
      }),
  };
}
