import { endRegion } from '../background.ts';
import type { CommandInput } from '../cli.ts';
import { stateDirectory } from '../state.ts';

/** Ends the region on the port; removes also what a region that was killed has left. */
export async function down({ port }: CommandInput): Promise<number> {
  const was = await endRegion(stateDirectory(port));
  process.stderr.write(was ? `the region on port ${port} is gone\n` : `no region was on port ${port}\n`);
  return 0;
}
