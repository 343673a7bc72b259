import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { document } from '../../shared/host/document.ts';

const script = readFileSync(fileURLToPath(new URL('../../shared/host/apply.sh', import.meta.url)), 'utf8');
const { parameters, mainSteps } = document(script) as {
  parameters: Record<string, { allowedPattern: string; default?: string; maxChars?: number }>;
  mainSteps: [{ inputs: { timeoutSeconds: string; runCommand: string[] } }];
};
const names = Object.keys(parameters);
const accepts = (name: string, value: string) => new RegExp(parameters[name]!.allowedPattern).test(value);

test('values meet the script in its first assignments alone', () => {
  const lines = mainSteps[0].inputs.runCommand;
  const found = lines.flatMap((line, index) => (line.includes('{{') ? [{ line, index }] : []));
  expect(found.map(({ line }) => line.replace(/^\w+='\{\{ (\w+) \}\}'$/, '$1')).sort()).toEqual(
    names.toSorted(),
  );
  expect(Math.max(...found.map(({ index }) => index))).toBeLessThan(10);
});

test.each(names)('%s takes no shell metacharacter, line or substitution', (name) => {
  const good = parameters[name]!.default ?? { mode: 'apply' }[name]!;
  expect(accepts(name, good)).toBe(true);
  for (const bad of ["'", '"', '`', '$', '\\', ';', '&', '|', '<', '(', '{', '\n', ' ', '*'])
    for (const value of [bad, `${bad}${good}`, `${good}${bad}`])
      expect([value, accepts(name, value)]).toEqual([value, false]);
});

test('the document and its largest command stay far below what AWS takes', () => {
  const bytes = JSON.stringify(document(script)).length;
  expect(bytes).toBeLessThan(40 * 1024);
  expect(bytes + parameters.file!.maxChars! + parameters.probeUrl!.maxChars!).toBeLessThan(80 * 1024);
  expect(mainSteps[0].inputs.timeoutSeconds).toBe('120');
});

test('a script that has lost its end does nothing', () => {
  const lines = script.trimEnd().split('\n');
  expect(lines.at(-1)).toBe('main');
  const outside = lines.slice(0, -1).filter((line) => /^[a-z_]+( |$)/.test(line));
  expect(outside).toEqual([]);
});
