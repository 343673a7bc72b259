import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { overBudget, readBudget, readMeasured } from '../scripts/budget.ts';

/** What is built in: its licences, its list and its weight. */

const root = join(import.meta.dirname, '..');
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));

describe('licences', () => {
  const allowed = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0'];
  /** Of tools that only build and test; nothing of them is deployed or passed on. */
  const exceptions: Record<string, string> = {
    argparse: 'Python-2.0, of later versions PSF-2.0: the licences of Python itself; read YAML for osls',
    lightningcss: 'MPL-2.0, on its own files alone: of the test runner, used as it is',
  };
  const packages = installed();

  test('are on the short list for all that is deployed', () => {
    const runtime = packages.filter(({ isTool }) => !isTool);
    expect(runtime.length).toBeGreaterThan(Object.keys(packageJson.dependencies).length);
    expect(runtime.filter(({ licence }) => !isAllowed(licence))).toEqual([]);
  });

  test('are on it for the tools too, with few exceptions', () => {
    const others = packages.filter(({ licence }) => !isAllowed(licence));
    // Prebuilt parts for a platform are packages of their own.
    const named = others.map(({ name }) => Object.keys(exceptions).find((known) => name.startsWith(known)));
    expect(others.filter((_, at) => named[at] === undefined)).toEqual([]);
    expect(new Set(named)).toEqual(new Set(Object.keys(exceptions)));
  });

  /** A choice such as `MIT OR X` is as good as its best part. */
  function isAllowed(licence: string): boolean {
    return licence.split(' OR ').some((one) => allowed.includes(one));
  }
});

describe('the list of parts', () => {
  const { components, metadata, bomFormat, serialNumber } = read('build/sbom.cdx.json') as {
    components: { name: string; version: string; licenses?: unknown; hashes?: unknown }[];
    metadata: object;
    bomFormat: string;
    serialNumber: string;
  };

  test('has every runtime dependency, and what these depend on', () => {
    expect(bomFormat).toBe('CycloneDX');
    const listed = Object.fromEntries(components.map(({ name, version }) => [name, version]));
    expect(listed).toMatchObject(packageJson.dependencies);
    expect(Object.keys(listed)).toEqual(
      expect.arrayContaining(['@smithy/core', '@smithy/node-http-handler', 'ip-bigint']),
    );
  });

  test('has every package that is in a bundle', () => {
    const parts = Object.values(readMeasured()).flatMap((bundle) => Object.keys(bundle));
    const packages = parts.filter((part) => !/^(functions|scripts|shared)\//.test(part));
    const listed = components.map(({ name }) => name);
    expect(packages).toContain('valibot');
    expect(packages.filter((name) => !listed.includes(name))).toEqual([]);
  });

  test('has no tool, and for each part its licence and hash', () => {
    const names = components.map(({ name }) => name);
    expect(names.filter((name) => name in packageJson.devDependencies && name !== '@smithy/core')).toEqual(
      [],
    );
    expect(components.filter(({ licenses, hashes }) => !licenses || !hashes)).toEqual([]);
  });

  test('says nothing of when and by which npm it was made', () => {
    expect(metadata).not.toHaveProperty('timestamp');
    expect(metadata).not.toHaveProperty('tools');
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });
});

describe('the budget', () => {
  test.each(Object.entries(readMeasured()))('is kept by the bundle of %s', (name, parts) => {
    const over = overBudget(parts, readBudget()[name] ?? {});
    // Where that is worth it: node scripts/budget.ts, and why in the commit.
    expect(over).toEqual([]);
  });

  test('names what made a bundle grow, the most first', () => {
    const budget = { 'shared/control': 100, valibot: 6, diff: 8 };
    expect(overBudget({ ...budget, valibot: 8.9 }, budget)).toEqual([]);
    expect(overBudget({ 'shared/control': 101.25, valibot: 6.1, zod: 25 }, budget)).toEqual([
      'the whole bundle: 114.0 → 132.3 KiB',
      'zod: 0.0 → 25.0 KiB',
      'shared/control: 100.0 → 101.3 KiB',
    ]);
  });
});

/** Every package of the lock file that is here; those of other platforms are not. */
function installed() {
  const { packages } = read('package-lock.json') as {
    packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>;
  };
  return Object.entries(packages).flatMap(([path, { dev, optional, devOptional }]) => {
    if (path === '') return [];
    try {
      const { name, license } = read(`${path}/package.json`) as { name: string; license?: string };
      return [{ name, licence: license ?? 'none', isTool: Boolean(dev || optional || devOptional) }];
    } catch (error) {
      if (optional && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}
