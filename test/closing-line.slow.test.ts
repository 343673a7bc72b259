import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
let directory: string;

// Inside the project, so that the files find vitest, and where neither git nor a run of the tests looks.
beforeEach(() => {
  mkdirSync(join(root, 'build'), { recursive: true });
  directory = mkdtempSync(join(root, 'build/closing-line-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a run that passes ends with its counts', () => {
  const run = runOf({
    // The text of a test of its own: what it skips is what the line has to count.
    'a.test.ts': `test('is', () => {}); test('is too', () => {}); test.skip('is not', () => {});`,
  });
  expect(run).toEqual({ status: 0, last: '2 passed, 0 failed, 1 skipped' });
});

test.each([
  ['a failed test', `test('fails', () => { throw new Error('no'); });`, '0 passed, 1 failed, 0 skipped'],
  ['a file that throws', `throw new Error('no');`, '0 passed, 1 failed, 0 skipped'],
  [
    'a hook that throws',
    `beforeAll(() => { throw new Error('no'); }); test('waits', () => {});`,
    '0 passed, 1 failed, 1 skipped',
  ],
  [
    'an error nobody caught',
    `test('passes', () => { void Promise.reject(new Error('no')); });`,
    '1 passed, 1 failed, 0 skipped',
  ],
  ['no test at all', undefined, '0 passed, 1 failed, 0 skipped'],
])('%s counts as failed', (_what, text, last) => {
  expect(runOf(text === undefined ? {} : { 'a.test.ts': text })).toEqual({ status: 1, last });
});

test.skipIf(process.getuid?.() !== 0)('a skipped test of real hosts counts as failed (needs root)', () => {
  // The text of a test of its own: its skip has to be taken for a failure.
  const run = runOf({ 'a.host.test.ts': `test.skip('hosts', () => {});` });
  expect(run).toEqual({ status: 1, last: '0 passed, 1 failed, 0 skipped' });
});

function runOf(files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(
      join(directory, name),
      `import { beforeAll, test } from 'vitest'; void beforeAll;\n${text}`,
    );
  }
  writeFileSync(
    join(directory, 'vitest.config.ts'),
    `export default { test: { reporters: ['default', '${root}/test/closing-line.ts'] } };`,
  );
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run', '--root', directory], {
    encoding: 'utf8',
  });
  return { status, last: stdout.trimEnd().split('\n').at(-1) };
}
