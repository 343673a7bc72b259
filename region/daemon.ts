import { createOverview, waitUntilReady } from './overview.ts';
import { type Region, type RegionOptions, startRegion } from './region.ts';
import { writeRecord } from './state.ts';

/** What the background region tells the command that started it. */
export interface DaemonMessage {
  progress?: string;
  deployed?: true;
  ready?: true;
  failed?: string;
}

const readyTimeoutMs = { fast: 120_000, real: 1_200_000 };

const options: Omit<RegionOptions, 'progress' | 'paceChanged'> = JSON.parse(process.argv[2] ?? '{}');
let region: Region | undefined;
let released = false;

const tell = (message: DaemonMessage): Promise<void> =>
  new Promise((sent) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => sent());
    else sent();
  });

async function end(): Promise<never> {
  await region?.close();
  process.exit(0);
}

// What interrupts the start is dealt with as soon as there is a region to close.
let interrupted = false;
const interrupt = () => {
  interrupted = true;
  if (region) void end();
};
process.on('SIGTERM', interrupt);
process.on('SIGINT', interrupt);
process.on('SIGHUP', () => {});
process.on('message', () => {
  released = true;
});
process.on('disconnect', () => {
  if (!released) interrupt();
});

try {
  const progress = (line: string) => void tell({ progress: line });
  const paceChanged = (pace: RegionOptions['pace']) =>
    writeRecord(options.stateDirectory, { endpoint: region!.endpoint, pace });
  region = await startRegion({ ...options, progress, paceChanged });
  writeRecord(options.stateDirectory, { endpoint: region.endpoint, pace: options.pace });
  if (interrupted) await end();
  await tell({ deployed: true });
  const overview = createOverview(region.endpoint, 'demo');
  await waitUntilReady(overview, { timeoutMs: readyTimeoutMs[options.pace], progress });
  await tell({ ready: true });
} catch (error) {
  console.error(error);
  // A fleet that doesn't get ready stays, so that its logs and hosts can be looked at.
  await tell({ failed: (error as Error).message });
  if (!region) process.exit(1);
}
