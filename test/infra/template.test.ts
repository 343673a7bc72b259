import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPatch } from 'diff';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';

const root = join(import.meta.dirname, '../..');
const packaged = join(root, '.serverless/cloudformation-template-update-stack.json');
const golden = join(import.meta.dirname, 'template.golden');

/** What differs from package to package, or is looked at by tests of its own. */
const elsewhere = ['Content', 'DashboardBody', 'S3Key'];

test('the template is the one that was reviewed', () => {
  const now = normalised(readFileSync(packaged, 'utf8'));
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, now);
  const reviewed = readFileSync(golden, 'utf8');
  const how =
    'UPDATE_GOLDEN=1 npm run test:fast -- test/infra/template.test.ts takes the change over, for review';
  expect(now === reviewed, `${createPatch('template', reviewed, now)}\n${how}`).toBe(true);
});

function normalised(json: string): string {
  const template = JSON.parse(json, (key, value) => (elsewhere.includes(key) ? '…' : value));
  return stringify(template, { sortMapEntries: true, lineWidth: 110, aliasDuplicateObjects: false });
}
