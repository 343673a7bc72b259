import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leftOvers as leftOversOf, expectNothingLeft as nothingLeft } from '../left-overs.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const program = join(project, 'region/cli.ts');
export const folder = mkdtempSync(join(tmpdir(), 'shoal-cli-'));
export const port = 4600 + (process.pid % 300);

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export function start(words: string[]): ChildProcess {
  const env = { ...process.env, INIT_CWD: folder };
  return spawn(process.execPath, [program, ...words], { env, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Resolves when the command has ended and nobody holds its output any more. */
export async function finish(child: ChildProcess, input = ''): Promise<Result> {
  const result = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text) => {
      result[name] += text;
    });
  }
  child.stdin!.end(input);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...result };
}

/** Resolves when the command has said this on standard error. */
export function said(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    child.stderr!.on('data', (chunk) => String(chunk).includes(text) && resolve());
  });
}

export const region = (...words: string[]) =>
  finish(start([words[0]!, '--port', String(port), ...words.slice(1)]));
export const up = (...words: string[]) => region('up', '--package', folder, ...words);

export const leftOvers = () => leftOversOf(port);

export const expectNothingLeft = () => nothingLeft(port);

/** The region gets by with the package: nothing else of the project is in the folder. Each test file makes it anew. */
export function createFolder(): void {
  mkdirSync(join(folder, 'infra'), { recursive: true });
  cpSync(join(project, '.serverless'), join(folder, '.serverless'), { recursive: true });
  cpSync(join(project, 'infra/fleet.yml'), join(folder, 'infra/fleet.yml'));
}

/** Ends the region, if one is left, and removes the folder. */
export async function removeFolder(): Promise<void> {
  await region('down');
  rmSync(folder, { recursive: true });
}
