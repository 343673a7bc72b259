import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPatch } from 'diff';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';

const root = join(import.meta.dirname, '../..');
const packaged = join(root, '.serverless/cloudformation-template-update-stack.json');
const golden = join(import.meta.dirname, 'template.golden');

/** What differs from package to package, or is written somewhere else: the document, and the dashboard's runbook. */
const elsewhere = ['Content', 'S3Key', 'markdown'];

test('the template is the one that was reviewed', () => {
  const now = normalised(readFileSync(packaged, 'utf8'));
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, now);
  const reviewed = readFileSync(golden, 'utf8');
  const how =
    'UPDATE_GOLDEN=1 npm run test:fast -- test/infra/template.test.ts takes the change over, for review';
  expect(now === reviewed, `${createPatch('template', reviewed, now)}\n${how}`).toBe(true);
});

function normalised(json: string): string {
  const shown = (key: string, value: unknown): unknown => {
    if (elsewhere.includes(key)) return '…';
    return key === 'DashboardBody' ? JSON.parse((value as { 'Fn::Sub': string })['Fn::Sub'], shown) : value;
  };
  const template = JSON.parse(json, shown);
  return stringify(template, { sortMapEntries: true, lineWidth: 110, aliasDuplicateObjects: false });
}
