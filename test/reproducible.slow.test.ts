import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codeTime } from '../scripts/setup/stale.mjs';

const root = join(import.meta.dirname, '..');
const functions = ['admit', 'drain', 'reconcile'];
const parts = ['docs', 'functions', 'infra', 'scripts', 'shared', 'package-lock.json', 'package.json'].concat(
  ['serverless.yml', 'tsconfig.json'],
);
const made = [
  ...functions.flatMap((name) =>
    ['index.cjs', 'main.cache', 'main.cjs'].map((file) => `build/${name}/${file}`),
  ),
  ...functions.map((name) => `.serverless/${name}.zip`),
  'build/document.json',
  'build/sbom.cdx.json',
];

test('another folder, user and clock make the same bundles, zips and list', { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-elsewhere-'));
  // The copy has no git to ask.
  const SOURCE_DATE_EPOCH = String(codeTime(root));
  try {
    for (const part of parts) cpSync(join(root, part), join(directory, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    const elsewhere = { HOME: directory, TZ: 'Asia/Tokyo', LANG: 'C', AWS_REGION: 'ap-northeast-1' };
    const built = spawnSync(process.execPath, ['scripts/build.ts'], {
      cwd: directory,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, SOURCE_DATE_EPOCH, ...elsewhere },
    });
    expect(built.stderr).toBe('');
    expect(hashesIn(directory)).toEqual(hashesIn(root));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

function hashesIn(directory: string) {
  const hash = (file: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, file)))
      .digest('hex');
  return Object.fromEntries(made.map((file) => [file, hash(file)]));
}
