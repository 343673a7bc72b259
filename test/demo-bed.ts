import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, vi } from 'vitest';
import { stateDirectory } from '../region/state.ts';

export const project = join(import.meta.dirname, '..');

export function start(port: number, ...words: string[]): ChildProcess {
  const program = join(project, 'scripts/demo.ts');
  return spawn(process.execPath, [program, '--port', String(port), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export async function finish(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

/** A stream, and what has been written to it so far. */
export function collect(): [PassThrough, () => string] {
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  return [stream, () => text];
}

/** The last column of the table at the end. */
export function verdictsOf(output: string): (string | undefined)[] {
  return [...output.matchAll(/^[ \d]\d {2}.*? {2}(proven|NOT PROVEN|interrupted|not run|not shown)$/gm)].map(
    ([, it]) => it,
  );
}

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

export async function expectNothingLeft(port: number): Promise<void> {
  await vi.waitFor(() => expect(leftOvers(port)).toEqual([]), { timeout: 5_000 });
  expect(existsSync(stateDirectory(port))).toBe(false);
  const server = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  await new Promise((resolve) => server.close(resolve));
}
