import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

test('docs/operations.md knows everything that a fleet can say', () => {
  const operations = readFileSync(`${root}docs/operations.md`, 'utf8');
  const code = readdirSync(`${root}shared/decisions`).map((file) =>
    readFileSync(`${root}shared/decisions/${file}`, 'utf8'),
  );
  const said = code.flatMap((text) =>
    [...text.matchAll(/(?:quiet\(|says: )[`']([a-z][^`'$:]{6,}?)[ :]*(?=[`'$:])/g)].map(
      ([, words]) => words as string,
    ),
  );
  expect(said.length).toBeGreaterThan(10);
  // These last for one look: the write that follows ends them.
  const momentary = ['rollout complete', 'starting', 'reversed'];
  expect(said.filter((words) => !operations.includes(words) && !momentary.includes(words))).toEqual([]);
});

test('docs/operations.md knows every metric and every problem', () => {
  const operations = readFileSync(`${root}docs/operations.md`, 'utf8');
  const code = (file: string) => readFileSync(`${root}shared/decisions/${file}.ts`, 'utf8');
  const metrics = [...code('metrics').matchAll(/(?:count|duration)\('(\w+)'/g)].map(([, name]) => name);
  const problems = [...code('model').matchAll(/^ {4}\| '([a-z ]+)'/gm)].map(([, name]) => name);
  expect(new Set(metrics).size).toBe(9);
  expect(problems.length).toBe(8);
  expect([...metrics, ...problems].filter((name) => !operations.includes(`\`${name}\``))).toEqual([]);
});
