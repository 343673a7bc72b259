import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { expect, vi } from 'vitest';
import { stateDirectory } from '../region/state.ts';

/** Processes of the region, by their command line, their environment or their mounts. */
export function leftOvers(port: number): string[] {
  const name = basename(stateDirectory(port));
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    const files = ['cmdline', 'environ', 'mountinfo'].map((file) => read(`/proc/${pid}/${file}`));
    return files.some((text) => text.includes(name)) ? [files[0]!.replaceAll('\0', ' ')] : [];
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Neither processes, nor state, nor mounts of it are left, and its port is free. */
export async function expectNothingLeft(port: number): Promise<void> {
  // A last process may outlive what has just ended for a moment.
  await vi.waitFor(() => expect(leftOvers(port)).toEqual([]), { timeout: 10_000 });
  expect(existsSync(stateDirectory(port))).toBe(false);
  expect(read('/proc/self/mounts')).not.toContain(stateDirectory(port));
  const server = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  await new Promise((resolve) => server.close(resolve));
}
