import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from './figure.ts';

const root = join(import.meta.dirname, '../..');
const scenario = 'an admission takes few calls at the true speed of AWS';

/** The scenario that counts the calls runs on virtual time, which only the test runner has; it notes them. */
export function calls(): Figure[] {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  try {
    const report = join(directory, 'report.json');
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const options = ['test/scenarios/lifecycle.test.ts', '-t', scenario];
    const args = [vitest, 'run', ...options, '--reporter=json', `--outputFile=${report}`];
    const { stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    const [file] = JSON.parse(readFileSync(report, 'utf8')).testResults;
    const test = file.assertionResults.find(({ title }: { title: string }) => title === scenario);
    if (test?.meta?.distinct === undefined) throw new Error(`the scenario counted nothing\n${stderr}`);
    const { distinct, reads } = test.meta;
    const how = "the region's request log, one instance more, at AWS's own delays on virtual time";
    return [
      { what: 'different AWS calls an admission', unit: 'calls', target: 14, measured: distinct, how },
      { what: 'reads an admission, repeated ones too', unit: 'calls', target: 25, measured: reads, how },
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
