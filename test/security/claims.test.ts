import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('every test that docs/security.md names is there', () => {
  const rows = readFileSync(`${root}docs/security.md`, 'utf8')
    .split('\n')
    .filter((line) => /^\| .* \|$/.test(line) && !/^\| (---|can't) /.test(line));
  const named = rows.map((row) => /\| `(test\/[\w./-]+\.test\.ts)` › (.+?) \|$/.exec(row) ?? [row]);
  expect(named.length).toBeGreaterThan(25);
  const missing = named.filter(([, file = '', title = '']) => {
    if (!existsSync(`${root}${file}`) || file === '') return true;
    const text = readFileSync(`${root}${file}`, 'utf8').replaceAll("\\'", "'");
    return ![`'${title}'`, `"${title}"`].some((literal) => text.includes(literal));
  });
  expect(missing.map(([row]) => row)).toEqual([]);
});
