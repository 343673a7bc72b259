import { region } from '../service.ts';
import { runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';

/** Variables that send every AWS SDK and CLI to the region, with credentials that are good nowhere else. */
export function regionVariables(endpoint: string): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
  };
}

/** Prints them for `eval`. */
export async function environment({ port }: CommandInput): Promise<number> {
  const { endpoint } = runningRegion(port);
  // A profile or a session of a real account would come before them, or be mixed with them.
  process.stdout.write('unset AWS_PROFILE AWS_SESSION_TOKEN\n');
  for (const [name, value] of Object.entries(regionVariables(endpoint))) {
    process.stdout.write(`export ${name}=${value}\n`);
  }
  return 0;
}
