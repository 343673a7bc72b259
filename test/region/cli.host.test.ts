import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createFolder,
  expectNothingLeft,
  finish,
  folder,
  port,
  type Result,
  region,
  removeFolder,
  start,
  up,
} from './cli-bed.ts';

beforeAll(createFolder);
afterAll(removeFolder);

describe('a region in the background', () => {
  let started: Result;
  const links = () => execFileSync('ip', ['-brief', 'link'], { encoding: 'utf8' });
  const linksBefore = links();
  beforeAll(async () => {
    started = await up();
  });
  afterAll(async () => void (await region('down')));

  test('is announced when its fleet serves', async () => {
    expect(started).toMatchObject({ code: 0, stderr: expect.stringContaining('the fleet serves') });
    expect(started.stdout).toContain(`client --port ${port} --`);
    const tooLong = started.stdout.split('\n').filter((line) => line.length > 80);
    expect(tooLong).toEqual([]);
    const status = await region('status');
    expect(status.code).toBe(0);
    expect(status.stdout.match(/InService +healthy/g)).toHaveLength(2);
    expect(status.stdout).toMatch(/live +[0-9a-f]{64}\n/);
  });

  test('lists the bucket for an on-premises client', async () => {
    const { stdout, code } = await region('client', '--', 'sh', '-c', 'aws s3 ls s3://squid-test-bucket/');
    expect(stdout).toContain('hello.txt');
    expect(code).toBe(0);
  });

  test('refuses a client of a network that is not allowed', async () => {
    const command = 'curl -s -o /dev/null -w "%{http_connect}" "$S3_ENDPOINT"';
    const [here, there] = await Promise.all([
      region('client', '--', 'sh', '-c', command),
      region('client', '--from', '192.168.7.7', '--', 'sh', '-c', command),
    ]);
    expect([here.stdout, there.stdout]).toEqual(['200', '403']);
  });

  test('gives a client its own streams and status', async () => {
    writeFileSync(join(folder, 'mine.txt'), 'my file\n');
    const client = start([
      'client',
      '--port',
      String(port),
      '--',
      'sh',
      '-c',
      'cat; cat mine.txt; echo err >&2; exit 7',
    ]);
    expect(await finish(client, 'from stdin\n')).toEqual({
      code: 7,
      stdout: 'from stdin\nmy file\n',
      stderr: 'err\n',
    });
  });

  test('passes signals on to a client', async () => {
    const client = start([
      'client',
      '--port',
      String(port),
      '--',
      'sh',
      '-c',
      'trap "echo ended; exit 3" TERM; echo ready; while :; do sleep 0.1; done',
    ]);
    const ended = finish(client);
    // One that could not begin says why, and is not waited for.
    await Promise.race([new Promise((resolve) => client.stdout!.once('data', resolve)), ended]);
    client.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 3, stdout: expect.stringContaining('ended') });
  });

  test('answers the AWS CLI', async () => {
    const name = await region(
      'aws',
      'cloudformation',
      'describe-stacks',
      '--stack-name',
      'demo',
      '--query',
      'Stacks[0].StackName',
    );
    expect(name).toMatchObject({ code: 0, stdout: '"demo"\n' });
    const refused = await region('aws', 'ssm', 'get-parameter', '--name', '/nothing');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('ParameterNotFound');
  });

  test('exports what sends an SDK to it', async () => {
    const { stdout } = await region('env');
    const script = `${stdout}\necho "$AWS_ENDPOINT_URL $AWS_REGION\${AWS_PROFILE-}"`;
    const env = { ...process.env, AWS_PROFILE: 'real' };
    const printed = execFileSync('sh', ['-c', script], { encoding: 'utf8', env });
    expect(printed).toBe(`http://127.0.0.1:${port} ap-northeast-1\n`);
  });

  test('shows the logs of one function', async () => {
    const { stdout } = await region('logs', 'admit');
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{3} START RequestId: /);
    expect(stdout).not.toContain('shoal-reconcile ');
  });

  test('opens a shell on an instance', async () => {
    const id = /i-[0-9a-f]{17}/.exec((await region('status')).stdout)![0];
    const { stdout, code } = await region('shell', id, '--', 'sh', '-c', 'hostname; pgrep -c squid; exit 5');
    expect(stdout).toMatch(/^ip-10-\d+-\d+-\d+\n[1-9]/);
    expect(code).toBe(5);
    expect(await region('shell', 'i-0')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no host i-0'),
    });
  });

  test('has faults, and says what is wrong with the words of one', async () => {
    const id = /i-[0-9a-f]{17}/.exec((await region('status')).stdout)![0];
    expect((await region('fault', 'lose', 'launch')).stdout).toContain('lose EC2 Instance-launch');
    expect((await region('fault', 'list')).stdout).toContain('once, so far 0');
    expect(await region('fault', 'clear')).toMatchObject({ code: 0, stdout: 'no fault is left\n' });
    expect(await region('fault', 'lose', 'lunch')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('lose needs an event: launch, terminate'),
    });
    const touch = () => region('shell', id, '--', 'sh', '-c', 'cat /dev/zero | head -c 100000 >/etc/squid/x');
    for (const [fault, reason] of [
      ['fill-disk', 'No space left'],
      ['lock-disk', 'Read-only'],
    ] as const) {
      expect(await region('fault', fault, id)).toMatchObject({ code: 0 });
      expect((await touch()).stderr).toContain(reason);
      expect((await region('fault', fault, id)).stderr).toContain('broken already');
      expect(await region('fault', 'mend-disk', id)).toMatchObject({ code: 0 });
    }
    expect((await touch()).stderr).toBe('');
    const squids = async () => (await region('shell', id, '--', 'pgrep', '-x', 'squid')).stdout.split('\n');
    const before = await squids();
    expect(await region('fault', 'kill-squid', id)).toMatchObject({ code: 0 });
    expect((await squids()).filter((pid) => pid !== '' && before.includes(pid))).toEqual([]);
    const usage = (await region('fault', 'help')).stdout;
    expect(usage.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test('changes its pace, and the operator with it', async () => {
    const query = 'Stacks[0].[StackStatus, Parameters[?ParameterKey==`SweepSeconds`].ParameterValue]';
    const stack = async () =>
      (await region('aws', 'cloudformation', 'describe-stacks', '--stack-name', 'shoal', '--query', query))
        .stdout;
    expect(await region('speed', 'real')).toMatchObject({ code: 0 });
    expect((await region('status')).stdout).toContain('pace real');
    expect(JSON.parse(await stack())).toEqual(['UPDATE_COMPLETE', ['60']]);
    expect(await region('speed', 'fast')).toMatchObject({ code: 0 });
    expect(JSON.parse(await stack())).toEqual(['UPDATE_COMPLETE', ['5']]);
    expect(await region('speed', 'slow')).toMatchObject({ code: 1 });
    // The Squid that was killed before is found and started again.
    const isWell = async () => (await region('status')).code;
    await expect.poll(isWell, { timeout: 90_000, interval: 1_000 }).toBe(0);
  });

  test('refuses to be started twice', async () => {
    expect(await up()).toMatchObject({ code: 1, stderr: expect.stringContaining('--port') });
    expect((await region('status')).code).toBe(0);
  });

  test('leaves the machine’s own network alone', () => {
    expect(links()).toBe(linksBefore);
  });

  test('is gone after down, and a second down finds nothing', async () => {
    expect(await region('down')).toMatchObject({ code: 0, stderr: expect.stringContaining('is gone') });
    await expectNothingLeft();
    expect(await region('down')).toMatchObject({ code: 0, stderr: expect.stringContaining('no region') });
    expect(await region('status')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('region -- up'),
    });
  });
});
