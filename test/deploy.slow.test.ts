import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const isThere = spawnSync('moto_server', ['--help']).status === 0;
const port = 20_000 + (process.pid % 10_000);
const endpoint = `http://127.0.0.1:${port}`;
const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
/** How often osls looks at the stack, in milliseconds. */
const often = { SLS_AWS_MONITORING_FREQUENCY: '200' };

describe.skipIf(!isThere)('npm run deploy against an emulator (needs moto_server)', () => {
  let folder: string;
  let moto: ChildProcess;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'shoal-moto-'));
    for (const part of ['build', 'docs', 'infra', 'package.json', 'scripts', 'serverless.yml'])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    moto = spawn('moto_server', ['-p', String(port)], { stdio: 'ignore' });
    for (let tries = 0; tries < 300; tries++) {
      if (await fetch(endpoint).catch(() => undefined)) return;
      await sleep(200);
    }
    throw new Error('moto_server does not answer');
  });
  afterAll(() => {
    moto.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  test('creates the stack of a stage with its settings', async () => {
    expect(deploy('log-level=WARN')).toMatchObject({ status: 0 });
    expect(await stack()).toMatchObject({
      status: expect.stringMatching(/^(CREATE|UPDATE)_COMPLETE$/),
      LogLevel: 'WARN',
      Alarms: 'on',
    });
  });

  test('refuses a wrong setting before anything is changed', async () => {
    const { status, stdout, stderr } = deploy('log-retention-days=91');
    expect(status).toBe(1);
    expect(stdout + stderr).toContain(
      'param log-retention-days: 91 is no retention that CloudWatch Logs has',
    );
  });

  function deploy(param: string) {
    return spawnSync(
      process.execPath,
      ['scripts/deploy.ts', 'deploy', '--stage', 'test', '--region', 'eu-west-1', '--param', param],
      {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, ...credentials, ...often, AWS_ENDPOINT_URL: endpoint },
      },
    );
  }

  async function stack(): Promise<Record<string, string | undefined>> {
    const client = new CloudFormationClient({
      ...{ endpoint, region: 'eu-west-1' },
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: 'shoal-test' }));
    const { StackStatus: status, Parameters = [] } = Stacks[0] ?? {};
    const parameters = Parameters.map((it) => [it.ParameterKey, it.ParameterValue]);
    return { status, ...Object.fromEntries(parameters) };
  }
});
