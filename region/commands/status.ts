import { createOverview, describeInstance, isReady } from '../overview.ts';
import { runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';

/** Prints the fleet. The exit status is 0 when all of it serves. */
export async function status({ port }: CommandInput): Promise<number> {
  const { endpoint, pace, pid } = runningRegion(port);
  const overview = await createOverview(endpoint, 'demo')();
  const lines = [
    `region    ${endpoint}, pace ${pace}, process ${pid}`,
    `fleet     demo, ${overview.desiredCapacity} wanted`,
    `live      ${overview.live ?? 'nothing yet'}`,
    ...overview.instances.map((instance) => `instance  ${describeInstance(instance)}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return isReady(overview) ? 0 : 1;
}
