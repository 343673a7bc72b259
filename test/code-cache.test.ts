import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addCodeCache } from '../scripts/code-cache.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-code-cache-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a bundle with a code cache is what it is without one', () => {
  addBundle("exports.handler = () => [__filename, module.exports === exports, require('node:os').EOL];");
  expect(load().handler()).toEqual([join(directory, 'main.cjs'), true, '\n']);
});

test('a cache that Node refuses is done without', () => {
  addBundle('exports.handler = () => 1;');
  writeFileSync(join(directory, 'main.cache'), 'of some other Node');
  expect(load().handler()).toBe(1);
});

test.each(['admit', 'drain', 'reconcile'])('this Node takes the cache of %s', (name) => {
  const built = (file: string) => readFileSync(join(import.meta.dirname, '../build', name, file));
  const cachedData = built('main.cache');
  expect(new Script(String(built('main.cjs')), { cachedData }).cachedDataRejected).toBe(false);
});

function addBundle(code: string): void {
  writeFileSync(join(directory, 'main.cjs'), code);
  addCodeCache(directory);
}

function load() {
  return createRequire(import.meta.url)(join(directory, 'index.cjs'));
}
