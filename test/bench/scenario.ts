import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/**
 * What the tests of a scenario noted in their `meta`, in their order: virtual time is something that only the
 * test runner has. `title` picks tests by a part of theirs.
 */
export function scenario(
  file: string,
  { title, environment }: { title?: string; environment?: Record<string, string> } = {},
  // biome-ignore lint/suspicious/noExplicitAny: each scenario notes something else.
): any[] {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  try {
    const report = join(directory, 'report.json');
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const only = title === undefined ? [] : ['-t', title];
    const args = [vitest, 'run', file, ...only, '--reporter=json', `--outputFile=${report}`];
    const env = { ...process.env, ...environment };
    const { stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env });
    const [{ assertionResults }] = JSON.parse(readFileSync(report, 'utf8')).testResults;
    const noted = assertionResults.flatMap((test: { meta?: object }) =>
      Object.keys(test.meta ?? {}).length > 0 ? [test.meta] : [],
    );
    if (noted.length === 0) throw new Error(`${file} noted nothing\n${stderr}`);
    return noted;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
