/**
 * Breaks a copy of the project with one patch at a time and shows which test notices, so that every test
 * named here is known to be able to fail: `npm run broken [-- NAME…]`. That they pass without a patch is
 * what `npm test` shows. Ends with 1 when a patch no longer applies or its test still passes.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Patch, readPatches } from './patches.ts';

const root = join(import.meta.dirname, '../..');
/** Left out of the copy: neither patches nor tests change them, and node_modules is far too large. */
const leftOut = ['.git', 'coverage', 'node_modules'];

interface Verdict {
  noticed: boolean;
  says: string;
}

const patches = chosen(process.argv.slice(2));
const copy = copyProject();
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
// The copy goes with this program, also when it is interrupted.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

let unnoticed = 0;
for (const patch of patches) {
  const { noticed, says } = tryPatch(patch);
  if (!noticed) unnoticed++;
  console.log(`${noticed ? 'noticed' : 'MISSED '}  ${patch.name}: ${patch.breaks}\n         ${says}\n`);
}
console.log(`${patches.length - unnoticed} of ${patches.length} patches noticed`);
process.exitCode = unnoticed === 0 ? 0 : 1;

function tryPatch({ path, fails }: Patch): Verdict {
  const applied = git(['apply', path]);
  if (applied.status !== 0) return { noticed: false, says: `it no longer applies: ${applied.stderr.trim()}` };
  try {
    return runTest(fails);
  } finally {
    git(['apply', '--reverse', path]);
  }
}

function runTest({ file, title }: Patch['fails']): Verdict {
  const report = join(copy, 'report.json');
  const pattern = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const options = ['run', file, '-t', `${pattern}$`, '--reporter=json', `--outputFile=${report}`];
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const ran = spawnSync(process.execPath, [vitest, ...options], { cwd: copy, encoding: 'utf8' });
  const says = `${file} "${title}"`;
  // A file that can't be loaded fails too, but not because a test noticed something.
  const tests: { title: string; status: string; failureMessages: string[] }[] = JSON.parse(
    readFileSync(report, 'utf8'),
  ).testResults.flatMap((it: { assertionResults: object[] }) => it.assertionResults);
  rmSync(report);
  const test = tests.find((it) => it.title === title && it.status !== 'skipped');
  if (test === undefined) return { noticed: false, says: `${says} did not run\n${ran.stderr.slice(-2000)}` };
  if (test.status !== 'failed') return { noticed: false, says: `${says} ${test.status}` };
  return { noticed: true, says: `${says}\n         ${firstLine(test.failureMessages[0] ?? '')}` };
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.slice(0, 200) ?? '';
}

function chosen(names: string[]): Patch[] {
  const all = readPatches();
  const unknown = names.filter((name) => !all.some((patch) => patch.name === name));
  if (unknown.length > 0)
    throw new Error(`no patch ${unknown.join(', ')}: there are ${all.map(({ name }) => name).join(', ')}`);
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

function copyProject(): string {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-broken-'));
  const filter = (path: string) => !leftOut.includes(basename(path));
  cpSync(root, directory, { recursive: true, filter });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}

/** Without a repository around it, which `git apply` can do and which the copy is not to find. */
function git(args: string[]) {
  return spawnSync('git', args, {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, GIT_CEILING_DIRECTORIES: join(copy, '..') },
  });
}
