import { InvokeCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import { doing } from './errors.ts';

/** Starts an asynchronous invocation; it has been accepted when this resolves. */
export type Invoke = (functionName: string, event: object) => Promise<void>;

/** In a file of its own, so that a function that invokes no other starts without this client. */
export function invoker(config: LambdaClientConfig): Invoke {
  const client = new LambdaClient(config);
  return (FunctionName, event) =>
    doing(`invoking ${FunctionName}`, async () => {
      const Payload = new TextEncoder().encode(JSON.stringify(event));
      await client.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
    });
}
