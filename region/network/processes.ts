import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The record of what the region started, in `directory`/processes. Every process but a client's command ends
 * by itself when the region does; the record is for the rest: a region that was killed, or one that hangs.
 */

/** Writes the process down; the function that comes back takes it off the record again. */
export function record(directory: string, pid: number): () => void {
  const file = join(directory, 'processes', String(pid));
  mkdirSync(join(directory, 'processes'), { recursive: true });
  writeFileSync(file, startTime(pid) ?? '');
  return () => rmSync(file, { force: true });
}

/** Clock ticks from boot to the process's start, by which a reused pid is told apart; null when it is gone. */
export function startTime(pid: number): string | null {
  if (process.platform === 'linux') return status(pid)?.started ?? null;
  // Other systems, which have simulated hosts alone, only say whether a process has this pid.
  try {
    return process.kill(pid, 0) ? 'unknown' : null;
  } catch {
    return null;
  }
}

/**
 * Removes all that a region left behind in `directory`, also one that was killed: its processes, and with
 * them their namespaces, mounts and interfaces, and the directory itself. Does nothing if there is none;
 * throws, and removes nothing, if the directory holds something else.
 */
export async function cleanUp(directory: string): Promise<void> {
  const names = list(directory);
  if (names.length > 0 && !names.includes(marker))
    throw new Error(`${directory} is not a region's directory`);
  await endRecorded(directory);
  await rm(directory, { recursive: true, force: true });
}

/** The file that a region's directory is known by. */
export const marker = 'resolv.conf';

/**
 * Kills every process of a session, again until none is left, since they may fork meanwhile. Its leader is
 * spared: it stands outside of the host, has to bury the script and then ends by itself. Without it the
 * machine's first process would inherit the script.
 */
export function endSession(leader: number): void {
  for (let round = 0; round < 10; round++) {
    const pids = list('/proc').map(Number);
    const members = pids.filter((pid) => pid > 0 && pid !== leader && status(pid)?.session === leader);
    if (members.length === 0) return;
    for (const member of members) kill(member);
  }
}

async function endRecorded(directory: string): Promise<void> {
  const folder = join(directory, 'processes');
  const records = list(folder).map((name) => ({
    pid: Number(name),
    started: readFileSync(join(folder, name), 'utf8'),
  }));
  const alive = () => records.filter(({ pid, started }) => started !== '' && startTime(pid) === started);
  for (let attempt = 0; alive().length > 0; attempt++) {
    if (attempt === 250)
      throw new Error(`processes of ${directory} do not end: ${alive().map((p) => p.pid)}`);
    for (const { pid } of alive()) {
      // A host's first process is the child of the recorded one; its end is the end of all in its namespace.
      for (const child of childrenOf(pid)) kill(child);
      kill(pid);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What /proc says about a process that is alive, else null. */
function status(pid: number): { session: number; started: string } | null {
  try {
    // The command's name stands in parentheses and may hold spaces, so fields count from behind it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : { session: Number(fields[3]), started: fields[19]! };
  } catch {
    return null;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
