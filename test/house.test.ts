import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '..');
const files = filesOf('.');
const sources = files.filter((file) =>
  /^(functions|shared|region|scripts|test)\/.*\.(ts|mjs|sh)$/.test(file),
);

describe.concurrent('tools', { timeout: 60_000 }, () => {
  test('types are right', () => passes('tsc', '-p', '.'));

  test('format and lint are clean', () => passes('biome', 'check', '--error-on-warnings', '.'));

  test('no promise is left alone and no case forgotten', () =>
    passes('oxlint', '--type-aware', '--deny-warnings'));

  test('nothing is unused or unlisted', () => passes('knip', '--no-progress', '--no-config-hints'));

  test.skipIf(!isInstalled('shellcheck'))('shell scripts are clean (needs shellcheck)', () =>
    passes('shellcheck', ...files.filter((file) => file.endsWith('.sh')), '.ci/run'),
  );

  test.skipIf(!isInstalled('cfn-lint'))('templates are valid (needs cfn-lint)', () =>
    passes(
      'cfn-lint',
      '.serverless/cloudformation-template-update-stack.json',
      // The others are parts of the packaged one.
      ...files.filter(
        (file) => /^infra\/.*\.yml$/.test(file) && textOf(file).startsWith('AWSTemplateFormat'),
      ),
    ),
  );
});

describe('imports', () => {
  /** Who may import whom, in the words of docs/architecture.md: one way, towards what is pure. */
  const allowed: Record<string, string[]> = {
    functions: ['control', 'decisions', 'aws', 'host', 'fleet', 'runtime'],
    control: ['decisions', 'aws', 'host', 'fleet', 'runtime'],
    decisions: ['fleet'],
    aws: ['fleet', 'runtime'],
    host: ['fleet', 'runtime'],
    fleet: [],
    runtime: [],
    region: [],
  };
  const pure = ['decisions', 'fleet'];
  const withoutInputOrOutput = ['node:crypto', 'node:net', 'node:url', 'node:zlib'];
  const edges = sources.flatMap((file) =>
    importsOf(file).map((target) => ({ file, from: partOf(file), target })),
  );
  const house = edges.filter((edge) => edge.from in allowed);

  test('go one way', () => {
    const wrong = house.filter(({ file, from, target }) => {
      if (!target.startsWith('.')) return false;
      const to = partOf(relative(root, join(root, dirname(file), target)));
      return to !== from && !allowed[from]?.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  test('reach the SDK from shared/aws and the region alone', () => {
    const wrong = house.filter(({ target }) => /^@(aws-sdk|smithy)\//.test(target));
    expect(wrong.filter(({ from }) => from !== 'aws' && from !== 'region')).toEqual([]);
  });

  test('reach no input or output from what is pure', () => {
    const wrong = house.filter(({ from, target }) => pure.includes(from) && target.startsWith('node:'));
    expect(wrong.filter(({ target }) => !withoutInputOrOutput.includes(target))).toEqual([]);
  });
});

describe('size', () => {
  // The host script is one file because it travels as one; its comments and blank lines don't count.
  test('a file has at most 300 lines, apply.sh 400 of code', () => {
    const script = 'shared/host/apply.sh';
    expect(sources.filter((file) => file !== script && linesOf(file) > 300)).toEqual([]);
    const code = textOf(script)
      .split('\n')
      .filter((line) => !/^\s*(#|$)/.test(line));
    expect(code.length).toBeLessThanOrEqual(400);
  });

  test('the region is under twice the operator', () => {
    const total = (folders: RegExp) => sum(sources.filter((file) => folders.test(file)).map(linesOf));
    expect(total(/^region\//)).toBeLessThan(2 * total(/^(functions|shared)\//));
  });

  test('the README has at most 200 lines', () => {
    expect(linesOf('README.md')).toBeLessThanOrEqual(200);
  });
});

describe('dependencies', () => {
  const { dependencies, devDependencies, optionalDependencies } = packageJson;
  const all = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });

  test('are pinned exactly', () => {
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test('have no download address in the lock file', () => {
    expect(textOf('package-lock.json')).not.toContain('"resolved"');
    expect(textOf('.npmrc')).toContain('omit-lockfile-registry-resolved=true');
  });

  test('each have their reason in docs/decisions.md', () => {
    const decisions = textOf('docs/decisions.md');
    expect(all.map(([name]) => name).filter((name) => !decisions.includes(`\`${name}\``))).toEqual([]);
  });
});

/** Runs a tool in the project's folder; what it prints is the message when it finds something. */
async function passes(tool: string, ...args: string[]): Promise<void> {
  const path = `${join(root, 'node_modules/.bin')}:${process.env.PATH}`;
  try {
    await promisify(execFile)(tool, args, { cwd: root, env: { ...process.env, PATH: path } });
  } catch (error) {
    const { message, stdout } = error as { message: string; stdout?: string };
    expect.fail(`${message}\n${stdout ?? ''}`);
  }
}

function isInstalled(tool: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
}

/** What git knows of, and new files that it doesn't ignore. */
function filesOf(folder: string): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', folder];
  const listed = spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.split('\n');
  const found = listed.filter((file) => file !== '' && existsSync(join(root, file)));
  if (found.length === 0) throw new Error('git lists no file here, so no rule of the house can be checked');
  return found;
}

function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function linesOf(file: string): number {
  return textOf(file).trimEnd().split('\n').length;
}

/** `fleet` for shared/fleet/cidr.ts, `region` for region/hosts/namespaces.ts. */
function partOf(file: string): string {
  const [top = '', second = ''] = file.split('/');
  return top === 'shared' ? second : top;
}

function importsOf(file: string): string[] {
  return [...textOf(file).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
