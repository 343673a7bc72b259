import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUp, startTime } from './network/processes.ts';

/** What other commands need to know of a region in the background. */
export interface RegionRecord {
  pid: number;
  /** Start time of the process, by which a reused pid is told apart. */
  started: string;
  endpoint: string;
  pace: 'fast' | 'real';
}

export const defaultPort = 4566;

/** Where a region keeps its files: one folder a port. */
export function stateDirectory(port: number): string {
  const user = process.getuid?.() ?? 0;
  return user === 0 ? `/run/shoal-region-${port}` : join(tmpdir(), `shoal-region-${user}-${port}`);
}

export const networkDirectory = (directory: string): string => join(directory, 'network');
export const daemonLogFile = (directory: string): string => join(directory, 'region.log');
export const functionLogFile = (directory: string): string => join(directory, 'functions.log');
const recordFile = (directory: string): string => join(directory, 'region.json');

export function writeRecord(directory: string, record: Omit<RegionRecord, 'pid' | 'started'>): void {
  const self = { pid: process.pid, started: startTime(process.pid) };
  writeFileSync(recordFile(directory), JSON.stringify({ ...self, ...record }));
}

/** The record of the region in `directory`, and whether that region lives; undefined if there is none. */
export function readRecord(directory: string): (RegionRecord & { alive: boolean }) | undefined {
  try {
    const record: RegionRecord = JSON.parse(readFileSync(recordFile(directory), 'utf8'));
    return { ...record, alive: startTime(record.pid) === record.started };
  } catch {
    return undefined;
  }
}

/** The living region on a port. Throws with the way to start one. */
export function runningRegion(port: number): RegionRecord & { directory: string } {
  const directory = stateDirectory(port);
  const record = readRecord(directory);
  if (record?.alive) return { ...record, directory };
  const option = port === defaultPort ? '' : ` --port ${port}`;
  throw new Error(`no region runs on port ${port}: npm run region -- up${option}`);
}

/** Claims a directory for a region that starts, until its record is written. */
export const claimFile = (directory: string): string => `${directory}.starting`;

/** Ends what a region without its own process has left running, and removes its files. */
export async function removeState(directory: string): Promise<void> {
  await cleanUp(networkDirectory(directory));
  rmSync(directory, { recursive: true, force: true });
  rmSync(claimFile(directory), { force: true });
}
