import { startClient } from '../network/client.ts';
import { networkDirectory, runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';
import { exitOf } from './foreground.ts';

/** Runs a command as an on-premises machine; its streams, signals and exit status are the command's. */
export async function client({ port, options, command }: CommandInput): Promise<number> {
  const { directory } = runningRegion(port);
  if (command.length === 0) throw new Error('which command? client [--from ADDRESS] -- COMMAND...');
  const from = options.from as string | undefined;
  return await exitOf(await startClient(networkDirectory(directory), { command, ...(from && { from }) }));
}
