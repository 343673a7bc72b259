import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readPatches } from './broken/patches.ts';

const root = join(import.meta.dirname, '..');
const patches = readPatches();

test('there are enough patches, and each breaks something else', () => {
  expect(new Set(patches.map(({ breaks }) => breaks)).size).toBeGreaterThanOrEqual(22);
});

test.each(patches)('$name still applies', ({ path }) => {
  // In a folder of its own, since a repository around it changes what `git apply` looks at.
  const directory = mkdtempSync(join(tmpdir(), 'shoal-patch-'));
  try {
    for (const [, file = ''] of readFileSync(path, 'utf8').matchAll(/^--- a\/(\S+)/gm)) {
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      cpSync(join(root, file), join(directory, file));
    }
    const { status, stderr } = spawnSync('git', ['apply', path], { cwd: directory, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each(patches)('the test that $name fails is there', ({ fails: { file, title } }) => {
  const titles = readFileSync(join(root, file), 'utf8').matchAll(/\btest\(\s*(['"])(.+?)\1,/g);
  expect([...titles].map((match) => match[2])).toContain(title);
});
