import { runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';
import { regionVariables } from './environment.ts';
import { runInForeground } from './foreground.ts';

/** Runs the machine's AWS CLI against the region. Older ones know no AWS_ENDPOINT_URL, hence the option. */
export async function aws({ port, command }: CommandInput): Promise<number> {
  const { endpoint } = runningRegion(port);
  const own = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('AWS_') && !/_proxy$/i.test(name),
  );
  const env = { ...Object.fromEntries(own), ...regionVariables(endpoint) };
  return await runInForeground('aws', ['--endpoint-url', endpoint, ...command], env);
}
