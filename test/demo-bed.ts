import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

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
