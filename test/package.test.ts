import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isPackageStale } from '../scripts/setup/stale.mjs';
import { documentText } from '../shared/host/document.ts';

const root = join(import.meta.dirname, '..');
const templateFile = 'cloudformation-template-update-stack.json';
const functions = ['admit', 'drain', 'reconcile'];

interface Statement {
  Action: string | string[];
  Resource: unknown;
  Condition?: unknown;
}
interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type of resource has other properties.
  Properties: any;
}

describe('the package', () => {
  const resources = resourcesOf(join(root, '.serverless'));

  test('is made of what is there now (npm run package)', () => {
    expect(isPackageStale(root)).toBe(false);
  });

  test('is stale after a commit of the code, whose time is in the bundles', () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '1');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(isPackageStale(root)).toBe(true);
  });

  test.each(functions)('keeps the bundle of %s under 450 KiB', (name) => {
    expect(statSync(join(root, `build/${name}/main.cjs`)).size).toBeLessThanOrEqual(450 * 1024);
  });

  test.each(functions)('holds nothing but its bundle with its code cache in %s', (name) => {
    const entries = entriesOf(readFileSync(join(root, `.serverless/${name}.zip`)));
    const files = ['index.cjs', 'main.cache', 'main.cjs'];
    expect(entries.toSorted()).toEqual(files.map((file) => `build/${name}/${file}`));
  });

  test('carries the host script to the last byte', () => {
    const script = readFileSync(join(root, 'shared/host/apply.sh'), 'utf8');
    expect(documentOf(resources)).toBe(documentText(script).text);
  });

  test.each(functions)('%s names the hash of just this document', (name) => {
    const sha256 = createHash('sha256').update(documentOf(resources)).digest('hex');
    expect(readFileSync(join(root, `build/${name}/main.cjs`), 'utf8')).toContain(sha256);
  });

  test('changes nothing that is not bound to a fleet, a path or a name', () => {
    const unbound = statementsOf(resources)
      .filter(({ Resource, Condition }) => JSON.stringify(Resource).includes('*"') && !Condition)
      .filter(({ Resource }) => !JSON.stringify(Resource).includes(':parameter/shoal'))
      .flatMap(({ Action }) => [Action].flat());
    expect(unbound.filter((action) => !/:(Describe|Get|List)/.test(action))).toEqual([]);
  });

  test('lets no function write the parameters of a fleet', () => {
    const writes = statementsOf(resources).filter(({ Action }) => /Put|Delete/.test(String(Action)));
    const parameters = writes
      .map(({ Resource }) => JSON.stringify(Resource))
      .filter((text) => text.includes(':ssm:'));
    expect(parameters.length).toBeGreaterThan(0);
    expect(parameters.filter((text) => !text.includes(':parameter/shoal-state/'))).toEqual([]);
  });

  test("does not wake for the operator's own writes", () => {
    const rules = resources.filter(({ Type }) => Type === 'AWS::Events::Rule');
    const names = rules.flatMap((rule) => rule.Properties.EventPattern?.detail?.name ?? []);
    expect(names).toEqual([{ prefix: '/shoal/' }]);
  });

  test('takes another stage into every name', { timeout: 60_000 }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'shoal-stage-'));
    try {
      // In a copy, since osls empties the .serverless of the folder that it works in.
      for (const part of ['build', 'docs', 'infra', 'serverless.yml'])
        cpSync(join(root, part), join(directory, part), { recursive: true });
      const osls = join(root, 'node_modules/osls/bin/serverless.js');
      const made = spawnSync(process.execPath, [osls, 'package', '--stage', 'test'], { cwd: directory });
      expect(made.stderr.toString()).not.toContain('Error');
      const elsewhere = new Set(['Content', 'S3Key']);
      const text = JSON.stringify(resourcesOf(join(directory, '.serverless')), (key, value) =>
        elsewhere.has(key) ? '' : value,
      ).replaceAll(/npm run shoal|\/var\/(log|lib)\/shoal/g, '');
      const names = [...text.matchAll(/\bshoal[a-z0-9:/-]*/g)].map(([name]) => name);
      expect(names.length).toBeGreaterThan(20);
      expect(names.filter((name) => !name.startsWith('shoal-test'))).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** The names in a zip's central directory. */
function entriesOf(zip: Buffer): string[] {
  const names: string[] = [];
  const signature = Buffer.from([0x50, 0x4b, 1, 2]);
  for (let at = zip.indexOf(signature); at >= 0; at = zip.indexOf(signature, at + 46)) {
    names.push(zip.toString('utf8', at + 46, at + 46 + zip.readUInt16LE(at + 28)));
  }
  return names;
}

function resourcesOf(directory: string): Resource[] {
  const template = JSON.parse(readFileSync(join(directory, templateFile), 'utf8')) as {
    Resources: Record<string, Resource>;
  };
  return Object.values(template.Resources);
}

/** The text of the document, which the template joins of its pieces. */
function documentOf(resources: Resource[]): string {
  const [packaged] = resources.filter(({ Type }) => Type === 'AWS::SSM::Document');
  return packaged?.Properties.Content['Fn::Join'][1].join('');
}

/** What the roles allow; the bucket's and the queue's own policies are not theirs. */
function statementsOf(resources: Resource[]): Statement[] {
  const documents = resources.flatMap(({ Type, Properties }) => {
    if (Type === 'AWS::IAM::ManagedPolicy') return [Properties.PolicyDocument];
    if (Type === 'AWS::IAM::Role')
      return Properties.Policies.map((policy: Resource['Properties']) => policy.PolicyDocument);
    return [];
  });
  return documents.flatMap((policy) => policy.Statement);
}
