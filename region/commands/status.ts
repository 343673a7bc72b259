import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { createOverview, describeInstance, isReady } from '../overview.ts';
import { region } from '../service.ts';
import { runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';

/** Prints the fleet, and what the operator says of it. The exit status is 0 when all of it serves. */
export async function status({ port }: CommandInput): Promise<number> {
  const { endpoint, pace, pid } = runningRegion(port);
  const [overview, says] = await Promise.all([createOverview(endpoint, 'demo')(), askOperator(endpoint)]);
  const { rejected } = overview;
  const lines = [
    `region    ${endpoint}, pace ${pace}, process ${pid}`,
    `fleet     demo, ${overview.desiredCapacity} wanted`,
    `live      ${overview.live ?? 'nothing yet'}`,
    ...(rejected ? [`rejected  ${rejected.sha256}`] : []),
    ...says.map((line) => `says      ${line}`),
    ...overview.instances.map((instance) => `instance  ${describeInstance(instance)}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return isReady(overview) ? 0 : 1;
}

async function askOperator(endpoint: string): Promise<string[]> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const lambda = new LambdaClient({ endpoint, region, credentials });
  const Payload = JSON.stringify({ fleet: 'demo', mode: 'status' });
  const answer = await lambda.send(new InvokeCommand({ FunctionName: 'shoal-reconcile', Payload }));
  const { says, errorMessage } = JSON.parse(Buffer.from(answer.Payload ?? []).toString());
  return String(says ?? errorMessage).split('; ');
}
