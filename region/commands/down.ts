import { startTime } from '../network/processes.ts';
import { type RegionRecord, readRecord, removeState, stateDirectory } from '../state.ts';
import type { CommandInput } from './command.ts';

const endTimeoutMs = 20_000;

/** Ends the region on the port; removes also what a region that was killed has left. */
export async function down({ port }: CommandInput): Promise<number> {
  const directory = stateDirectory(port);
  const record = readRecord(directory);
  if (record?.alive) await endProcess(record);
  await removeState(directory);
  process.stderr.write(record ? `the region on port ${port} is gone\n` : `no region was on port ${port}\n`);
  return 0;
}

async function endProcess({ pid, started }: RegionRecord): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (const start = Date.now(); startTime(pid) === started; ) {
    // Its processes are on the record, so a region that hangs can be removed without its help.
    if (Date.now() - start > endTimeoutMs) return void process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
