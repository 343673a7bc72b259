import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';

/**
 * The README's own command blocks, run as they stand. Two kinds are left to others: `npm run demo` and
 * `npm test` have tests of their own (this one is part of the second), and deploying needs an account.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const port = '4591';
const readme = readFileSync(`${root}README.md`, 'utf8');
const blocks = [...readme.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block]) => block as string);
const commands = blocks
  .join('\n')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter(Boolean);
const here = commands.filter((command) => /^(npm run (--silent )?region --|cat build)/.test(command));

const start = async (program: string, argv: string[]) => {
  const answer = await promisify(execFile)(program, argv, { cwd: root, timeout: 90_000 }).catch(
    (error) => error,
  );
  return { status: answer.code ?? 0, stdout: String(answer.stdout), stderr: String(answer.stderr) };
};
/** The port keeps it apart from a region that somebody has up. */
const run = (command: string) =>
  start('bash', ['-c', command.replace(/ region -- (\w+)/, ` region -- $1 --port ${port}`)]);

async function runs(command: string): Promise<string> {
  const { status, stdout, stderr } = await run(command);
  expect({ command, status, stderr: status === 0 ? '' : stderr }).toEqual({ command, status: 0, stderr: '' });
  return stdout;
}

afterAll(() => run('npm run --silent region -- down'));

test('every command of the README but the last runs as it stands', async () => {
  expect(here.length).toBeGreaterThanOrEqual(9);
  for (const command of here.slice(0, -1)) {
    const stdout = await runs(command);
    if (command.includes('s3 ls')) expect(stdout).toContain('hello.txt');
    if (command.startsWith('cat')) expect(stdout).toMatch(/"says":/);
  }
});

test('the bash blocks for clients run on an on-premises machine', async () => {
  const clients = readFileSync(`${root}docs/clients.md`, 'utf8');
  const all = [...clients.matchAll(/```bash\n([\s\S]*?)```/g)].map(([, block]) => block as string);
  // No Java is installed for this.
  const runnable = all.filter((block) => !/^java /m.test(block));
  expect(runnable).toHaveLength(5);
  await Promise.all(
    runnable.map(async (block) => {
      // `aws configure` writes to its home. Where a block sets no proxy, the page's assumption holds.
      const proxy = block.includes('HTTPS_PROXY=')
        ? 'unset HTTPS_PROXY https_proxy'
        : 'export HTTPS_PROXY=$PROXY';
      const script = `set -e; export HOME=$(mktemp -d); trap 'rm -r $HOME' EXIT; ${proxy}\n${block}`;
      const client = [
        'run',
        '--silent',
        'region',
        '--',
        'client',
        '--port',
        port,
        '--',
        'bash',
        '-c',
        script,
      ];
      const answer = await start('npm', client);
      expect({ block, ...answer }).toMatchObject({ block, status: 0 });
      if (block.includes('s3 ls')) expect(answer.stdout).toContain('hello.txt');
    }),
  );
});

test('the last command of the README ends the region', async () => {
  expect(here.at(-1)).toBe('npm run region -- down');
  await runs(here.at(-1) as string);
  expect((await run('npm run --silent region -- status')).status).toBe(1);
});

test('every other command of the README is one that is left out for a reason', () => {
  const rest = commands.filter((command) => !here.includes(command));
  expect(rest.map((command) => command.split(' ').slice(0, 3).join(' '))).toEqual([
    'npm run demo',
    'npm test',
    'npm run deploy',
    'aws cloudformation deploy',
  ]);
});
