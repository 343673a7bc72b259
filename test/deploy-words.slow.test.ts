import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputsHash, stampPath } from '../scripts/setup/stale.mjs';

const root = join(import.meta.dirname, '..');
let folder: string;

/** The scripts with a stand-in for osls, which writes down what it was called with. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-deploy-'));
  for (const part of ['scripts', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  for (const scope of ['@aws-sdk', '@smithy', '@aws', '@aws-crypto'])
    if (existsSync(join(root, 'node_modules', scope)))
      symlinkSync(join(root, 'node_modules', scope), join(folder, 'node_modules', scope));
  const provider = { region: 'eu-west-1', stackName: 'shoal-test' };
  write('.serverless/serverless-state.json', JSON.stringify({ service: { provider } }));
  for (const name of ['admit.zip', 'drain.zip', 'reconcile.zip', 'cloudformation-template-update-stack.json'])
    write(`.serverless/${name}`, name);
  write(
    'node_modules/osls/bin/serverless.js',
    `import { appendFileSync } from 'node:fs';
     console.log('osls talks');
     appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n');
     if (process.argv.includes('--param=bad=1')) { console.error('osls refuses'); process.exit(1); }`,
  );
  write('node_modules/osls/package.json', '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('deploys a stage with its settings, and says what to do next', async () => {
  const param = 'notification-email=night@example.com';
  const { code, stdout } = await run('deploy', '--stage', 'test', '--region', 'eu-west-1', '--param', param);
  expect(calls()).toBe(`deploy --stage=test --region=eu-west-1 --param=${param}\n`);
  expect(code).toBe(0);
  expect(stdout).toContain('osls talks');
  expect(stdout).toContain('Deployed stage test for eu-west-1: stack shoal-test, all names begin so.');
  expect(stdout).toContain(`Settings: ${param}`);
  expect(stdout).toContain('.serverless/drain.zip, 1 KiB\n    sha256 ');
  expect(stdout).toContain('Confirm the subscription that AWS has mailed to night@example.com.');
  expect(stdout).toContain('Prefix=shoal-test');
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

test.each([
  [{ AWS_REGION: 'eu-west-2', AWS_DEFAULT_REGION: 'eu-west-3' }, 'eu-west-2'],
  [{ AWS_DEFAULT_REGION: 'eu-west-3' }, 'eu-west-3'],
  [{ AWS_PROFILE: 'far' }, 'sa-east-1'],
])('with %j alone it is the region of the AWS CLI', async (environment, region) => {
  write('config', '[profile far]\nregion = sa-east-1\n');
  const { stdout } = await run({ ...environment, AWS_CONFIG_FILE: join(folder, 'config') }, 'deploy');
  expect(calls()).toBe(`deploy --region=${region}\n`);
  expect(stdout).toContain(`Deployed stage prod for ${region}: `);
});

test('without any region nothing is deployed', async () => {
  const { code, stderr } = await run('deploy');
  expect([code, calls()]).toEqual([1, '']);
  expect(stderr).toContain('deploy: which region? --region NAME, or AWS_REGION, ');
});

test('packages anew only what is stale or asked for otherwise', async () => {
  expect((await run('package', '--param', 'log-level=WARN')).stdout).toContain(
    'npm run deploy -- --param=log-level=WARN',
  );
  expect(calls()).toBe('package --param=log-level=WARN\n');
  writeFileSync(stampPath(folder), inputsHash(folder));
  const { stdout } = await run('package');
  expect(stdout).toMatch(/^Packaged stage prod for any region: .*\nSettings: all as they are by default\n/);
  expect(stdout).not.toContain('osls talks');
  expect(calls()).toBe('');
});

test('a setting that osls refuses ends it with what osls said', async () => {
  const { code, stdout, stderr } = await run('package', '--param', 'bad=1');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('osls refuses');
  calls();
});

test('a local region is not deployed to', async () => {
  const server = createServer((request, response) =>
    response.writeHead(request.url === '/_region/fault' ? 200 : 404).end(),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stderr } = await run({ AWS_ENDPOINT_URL: endpoint }, 'deploy');
  server.close();
  expect(code).toBe(1);
  expect(stderr).toBe(
    `deploy: ${endpoint} is a local region, and takes the package when it starts:\nnpm run region -- down, then npm run region -- up\n`,
  );
  expect(calls()).toBe('');
});

test('an option that is none is refused with those that are', async () => {
  const { code, stderr } = await run('deploy', '--stages', 'test');
  expect(code).toBe(2);
  expect(stderr).toContain("Unknown option '--stages'");
  expect(stderr).toContain('npm run deploy  -- [--stage NAME]');
});

async function run(...words: (string | Record<string, string>)[]) {
  const [environment, ...args] = typeof words[0] === 'string' ? [{}, ...words] : words;
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_')),
  );
  const child = spawn(process.execPath, ['scripts/deploy.ts', ...(args as string[])], {
    cwd: folder,
    env: { ...inherited, AWS_CONFIG_FILE: join(folder, 'none'), ...(environment as Record<string, string>) },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

/** What osls was called with since this was asked last. */
function calls(): string {
  const file = join(folder, 'calls');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  rmSync(file, { force: true });
  return text;
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}
