import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

const operations = readFileSync(`${root}docs/operations.md`, 'utf8');
const decisions = readdirSync(`${root}shared/decisions`).map((file) =>
  readFileSync(`${root}shared/decisions/${file}`, 'utf8'),
);

test('docs/operations.md knows every reason that is ever given', () => {
  const reasons = decisions.flatMap((text) => literals(text).map(longestFixedPart));
  // A single word is a name of something, not a reason.
  const sentences = new Set(reasons.filter((reason) => reason.includes(' ')));
  expect(sentences.size).toBeGreaterThan(70);
  expect([...sentences].filter((reason) => !operations.includes(reason))).toEqual([]);
});

/** All strings and templates of a source, those inside a template's expressions too; of a template `\0` is what varies. */
function literals(source: string): string[] {
  const found: string[] = [];
  const code = source
    .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    .replaceAll(/throw new Error\(.*$/gm, '')
    .replaceAll(/`[^`]*`/g, (template) => {
      const inside: string[] = [];
      let text = template.slice(1, -1);
      // The innermost braces first: an expression may have some of its own.
      for (let before = ''; text !== before; ) {
        before = text;
        text = text.replace(/(\$?)\{([^{}]*)\}/, (_, dollar: string, expression: string) => {
          inside.push(expression);
          return dollar === '' ? '' : '\0';
        });
      }
      found.push(text);
      return inside.join(' ');
    });
  for (const [, single, double] of code.matchAll(/'([^'\n]*)'|"([^"\n]*)"/g))
    found.push(single ?? double ?? '');
  return found;
}

function longestFixedPart(text: string): string {
  const parts = text.split('\0').map((part) => part.replaceAll(/^[\s:;,()]+|[\s:;,()]+$/g, ''));
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

test('docs/operations.md knows every metric and every problem', () => {
  const code = (file: string) => readFileSync(`${root}shared/decisions/${file}.ts`, 'utf8');
  const metrics = [...code('metrics').matchAll(/(?:count|duration|ofFleetAndAll)\('(\w+)'/g)].map(
    ([, name]) => name,
  );
  const problems = [...code('model').matchAll(/^ {4}\| '([a-z ]+)'/gm)].map(([, name]) => name);
  expect(new Set(metrics).size).toBe(20);
  expect(problems.length).toBe(11);
  expect([...metrics, ...problems].filter((name) => !operations.includes(`\`${name}\``))).toEqual([]);
});
