import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
let clone: string;

describe('a fresh clone', () => {
  beforeEach(makeClone);
  afterEach(removeClone);

  test('is installed and built once, then left alone in silence', () => {
    expect(setup(['echo', 'done'])).toMatchObject({ status: 0, stdout: 'done\n' });
    expect(setup(['echo', 'again'])).toEqual({ status: 0, stdout: 'again\n', stderr: '' });
    expect(counts()).toEqual({ installs: 1, builds: 1 });
  });

  test('is installed once by two at the same time', async () => {
    const both = [start(['true']), start(['true'])];
    expect(await Promise.all(both.map(ended))).toEqual([0, 0]);
    expect(counts()).toEqual({ installs: 1, builds: 1 });
  });

  test('is installed anew when the lock file changed', () => {
    setup(['true']);
    write('package-lock.json', '{ "packages": { "node_modules/new": {} } }');
    setup(['true']);
    expect(counts()).toEqual({ installs: 2, builds: 2 });
  });

  test('is not installed anew after npm install did it', () => {
    setup(['true']);
    const packages = { 'node_modules/new': { version: '1.0.0' } };
    write(
      'package-lock.json',
      JSON.stringify({ packages: { '': {}, ...packages, other: { optional: true } } }),
    );
    write('node_modules/.package-lock.json', JSON.stringify({ packages }));
    setup(['true']);
    expect(counts()).toEqual({ installs: 1, builds: 2 });
  });

  test('is built anew when a source changed', () => {
    setup(['true']);
    write('functions/admit.ts', 'second');
    setup(['true']);
    expect(counts()).toEqual({ installs: 1, builds: 2 });
  });

  test('says what npm said when npm fails, and tries again', () => {
    const failed = setup(['echo', 'done'], { NPM_FAILS: '1' });
    expect(failed).toMatchObject({ status: 1, stdout: '' });
    expect(failed.stderr).toContain('npm is sad');
    expect(setup(['echo', 'done'])).toMatchObject({ status: 0, stdout: 'done\n' });
  });

  test('is taken over from a set-up that was killed', () => {
    write('build/setup.lock', '999999999 1');
    expect(setup(['echo', 'done'])).toMatchObject({ status: 0, stdout: 'done\n' });
    expect(existsSync(join(clone, 'build/setup.lock'))).toBe(false);
  });

  test('names an old Node and the way out', () => {
    const old = `data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.1.0'}})`;
    const refused = setup(['echo', 'done'], { NODE_OPTIONS: `--import=${old}` });
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('needs Node 22.18 or newer');
  });

  test.skipIf(process.platform !== 'linux')('keeps the programs that others run (needs /proc)', async () => {
    setup(['true']);
    cpSync(realpathSync('/bin/sleep'), join(clone, 'node_modules/sleep'));
    const running = spawn(join(clone, 'node_modules/sleep'), ['60'], { stdio: 'ignore' });
    write('package-lock.json', '{ "packages": { "node_modules/new": {} } }');
    const refused = setup(['echo', 'done']);
    running.kill();
    await ended(running);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain(`process ${running.pid} runs from node_modules`);
    expect(existsSync(join(clone, 'node_modules/sleep'))).toBe(true);
  });
});

describe('the command', () => {
  beforeAll(() => {
    makeClone();
    setup(['true']);
  });
  afterAll(removeClone);

  test('gives its own exit status', () => {
    expect(setup(['sh', '-c', 'exit 7']).status).toBe(7);
  });

  test("finds the project's programs and the right Node first", () => {
    write('node_modules/.bin/greet', '#!/bin/sh\necho hello');
    spawnSync('chmod', ['755', join(clone, 'node_modules/.bin/greet')]);
    expect(setup(['greet']).stdout).toBe('hello\n');
    expect(setup(['node', '-p', 'process.execPath']).stdout).toBe(`${process.execPath}\n`);
  });

  test('gets its arguments, without the one for set-up', () => {
    expect(setup(['echo', 'a', '--no-install', '--', '--no-install']).stdout).toBe('a -- --no-install\n');
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('gets %s', async (signal) => {
    const running = start([
      'sh',
      '-c',
      `trap 'echo caught; exit 3' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`,
    ]);
    const output = collect(running);
    await until(() => output.text.includes('ready'));
    running.kill(signal);
    expect(await ended(running)).toBe(3);
    expect(output.text).toContain('caught');
  });

  test('ends by a signal as a shell reports it', async () => {
    expect(setup(['sh', '-c', 'kill -KILL $$']).status).toBe(128 + 9);
  });

  test.skipIf(process.platform !== 'linux')('ends when npm was killed (needs /proc)', async () => {
    // npm starts a shell that starts set-up; the shell outlives npm.
    const script = `node scripts/setup.mjs -- sh -c 'echo $$ >pid; exec sleep 60'; true`;
    const npm = spawn('sh', ['-c', `sh -c "$SCRIPT" & wait`], {
      cwd: clone,
      stdio: 'ignore',
      env: {
        ...process.env,
        SCRIPT: script,
        npm_lifecycle_event: 'demo',
        npm_execpath: join(clone, 'npm.mjs'),
      },
    });
    await until(() => existsSync(join(clone, 'pid')) && pid('pid') > 0);
    npm.kill('SIGKILL');
    await until(() => !existsSync(`/proc/${pid('pid')}`));
  });
});

/** Its npm and build are stand-ins that count how often they run. */
function makeClone(): void {
  clone = realpathSync(mkdtempSync(join(tmpdir(), 'shoal-setup-')));
  cpSync(join(root, 'scripts/setup.mjs'), join(clone, 'scripts/setup.mjs'));
  cpSync(join(root, 'scripts/setup'), join(clone, 'scripts/setup'), { recursive: true });
  write('package-lock.json', '{ "packages": {} }');
  write('functions/admit.ts', 'first');
  write(
    'scripts/build.ts',
    `import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
     import { inputsHash, stampPath } from './setup/stale.mjs';
     appendFileSync('builds', 'x');
     mkdirSync('.serverless', { recursive: true });
     writeFileSync(stampPath('.'), inputsHash('.'));`,
  );
  write(
    'npm.mjs',
    `import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
     console.log('npm talks');
     appendFileSync('installs', 'x');
     rmSync('node_modules', { recursive: true, force: true });
     if (process.env.NPM_FAILS) { console.error('npm is sad'); process.exit(1); }
     setTimeout(() => mkdirSync('node_modules'), 300);`,
  );
}

function removeClone(): void {
  rmSync(clone, { recursive: true, force: true });
}

function write(file: string, text: string): void {
  mkdirSync(join(clone, file, '..'), { recursive: true });
  writeFileSync(join(clone, file), text);
}

function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { npm_lifecycle_event: _, ...inherited } = process.env;
  return { ...inherited, npm_execpath: join(clone, 'npm.mjs'), ...more };
}

function setup(command: string[], more: Record<string, string> = {}) {
  const args = ['scripts/setup.mjs', '--', ...command];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: clone,
    encoding: 'utf8',
    env: environment(more),
  });
  return { status, stdout, stderr };
}

function start(command: string[]): ChildProcess {
  const args = ['scripts/setup.mjs', '--', ...command];
  return spawn(process.execPath, args, { cwd: clone, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
}

function collect(child: ChildProcess): { text: string } {
  const output = { text: '' };
  child.stdout?.on('data', (data) => (output.text += data));
  return output;
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('exit', resolve));
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 50) {
    if (waited > 10_000) throw new Error(`10 s have passed without: ${condition}`);
    await sleep(50);
  }
}

function pid(file: string): number {
  return Number(readFileSync(join(clone, file), 'utf8'));
}

function counts() {
  const count = (file: string) =>
    existsSync(join(clone, file)) ? readFileSync(join(clone, file), 'utf8').length : 0;
  return { installs: count('installs'), builds: count('builds') };
}
