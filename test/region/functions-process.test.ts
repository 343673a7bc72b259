import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { FunctionSpec, Sandbox } from '../../region/ports.ts';
import { createProcessSandboxes } from '../../region/sandbox-process.ts';
import { unzip } from '../../region/zip.ts';

const folder = mkdtempSync(join(tmpdir(), 'shoal-sandbox-'));
const running: Sandbox[] = [];
afterEach(async () => void (await Promise.all(running.splice(0).map((sandbox) => sandbox.stop()))));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
async function start(code: string, extra: Partial<FunctionSpec> = {}) {
  const directory = join(folder, String(++count));
  mkdirSync(join(directory, 'build'), { recursive: true });
  writeFileSync(join(directory, 'build/index.mjs'), code);
  const lines: string[] = [];
  const spec = {
    name: 'work',
    arn: 'arn:aws:lambda:ap-northeast-1:000000000000:function:work',
    handler: 'build/index.handler',
    directory,
    environment: { OWN: 'yes' },
    timeoutSeconds: 3,
    memoryMegabytes: 128,
    ...extra,
  };
  const sandbox = await createProcessSandboxes().start(spec, (line) => void lines.push(line));
  running.push(sandbox);
  const invoke = (event: unknown = {}) =>
    sandbox.invoke(event, { requestId: 'request-1', deadline: Date.now() + 3_000 });
  return { sandbox, invoke, lines, directory };
}

test('a handler gets its event and its context', async () => {
  const { invoke } = await start(
    `export const handler = async (event, context) => ({ event, ...context, left: context.getRemainingTimeInMillis() });`,
  );
  const result = (await invoke({ a: 1 })) as Record<string, unknown>;
  expect(result).toMatchObject({
    event: { a: 1 },
    functionName: 'work',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:ap-northeast-1:000000000000:function:work',
    memoryLimitInMB: '128',
    awsRequestId: 'request-1',
    logGroupName: '/aws/lambda/work',
  });
  expect(result.left).toBeGreaterThan(2_000);
  expect(result.left).toBeLessThanOrEqual(3_000);
});

test('the environment is Lambda’s and nothing else', async () => {
  process.env.SHOAL_LEAK = 'machine';
  const { invoke, directory } = await start(
    `export const handler = () => ({ env: process.env, fork: typeof process.send });`,
  );
  delete process.env.SHOAL_LEAK;
  const { env, fork } = (await invoke()) as { env: Record<string, string>; fork: string };
  expect(fork).toBe('undefined');
  expect(env).toMatchObject({
    OWN: 'yes',
    TZ: ':UTC',
    LAMBDA_TASK_ROOT: directory,
    AWS_LAMBDA_FUNCTION_NAME: 'work',
  });
  const own = ['HOME', 'LAMBDA_RUNTIME_DIR', 'LAMBDA_TASK_ROOT', 'LANG', 'OWN', 'PATH', 'TZ', '_HANDLER'];
  expect(
    Object.keys(env)
      .filter((name) => !name.startsWith('AWS_'))
      .sort(),
  ).toEqual(own);
});

test('every line of the log is there when the invocation ends', async () => {
  const { invoke, lines } = await start(`
    import { Console } from 'node:console';
    export const handler = async () => {
      for (let i = 0; i < 5000; i++) process.stdout.write('line ' + i + '\\n');
      console.warn('a %s', 'warning');
      new Console(process.stdout).log('{"raw":true}');
    };`);
  await invoke();
  expect(lines).toHaveLength(5_002);
  expect(lines[5_000]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z\trequest-1\tWARN\ta warning$/);
  expect(lines[5_001]).toBe('{"raw":true}');
});

test('the process stays warm and survives a thrown error', async () => {
  const { invoke, lines } = await start(
    `let n = 0; export const handler = async () => { if (++n === 2) throw new RangeError('no'); return n; };`,
  );
  expect(await invoke()).toBe(1);
  await expect(invoke()).rejects.toMatchObject({ errorType: 'RangeError', message: 'no', fatal: false });
  expect(lines.join()).toContain('Invoke Error');
  expect(await invoke()).toBe(3);
});

test('a process that exits fails its invocation', async () => {
  const { invoke } = await start(`export const handler = async () => process.exit(7);`);
  await expect(invoke()).rejects.toMatchObject({
    errorType: 'Runtime.ExitError',
    message: 'RequestId: request-1 Error: Runtime exited with error: exit status 7',
    fatal: true,
  });
});

test('a busy loop is ended by stop', async () => {
  const { sandbox, invoke } = await start(`export const handler = async () => { for (;;); };`);
  const failing = expect(invoke()).rejects.toMatchObject({
    errorType: 'Runtime.ExitError',
    message: expect.stringContaining('SIGKILL'),
  });
  await sandbox.stop();
  await failing;
});

test.each([
  ['that is missing', 'build/absent.handler', '', 'Runtime.ImportModuleError'],
  ['without the handler', 'build/index.other', 'export const handler = 1;', 'Runtime.HandlerNotFound'],
  ['that throws while loading', 'build/index.handler', `throw new TypeError('bad');`, 'TypeError'],
])('a module %s fails the start', async (_, handler, code, errorType) => {
  await expect(start(code, { handler })).rejects.toMatchObject({ errorType, fatal: true });
});

test('a busy function dies with the process that started it', async () => {
  const parent = `
    import { createProcessSandboxes } from ${JSON.stringify(new URL('../../region/sandbox-process.ts', import.meta.url).href)};
    const spec = JSON.parse(process.argv[2]);
    const sandbox = await createProcessSandboxes().start(spec, (line) => console.log(line));
    sandbox.invoke({}, { requestId: 'r', deadline: Date.now() + 60_000 });`;
  const { directory, sandbox } = await start(
    `export const handler = async () => { process.stdout.write('pid ' + process.pid + '\\n'); for (;;); };`,
  );
  await sandbox.stop();
  writeFileSync(join(directory, 'parent.mjs'), parent);
  const spec = {
    name: 'work',
    arn: 'arn',
    handler: 'build/index.handler',
    directory,
    environment: {},
    timeoutSeconds: 60,
    memoryMegabytes: 128,
  };
  const child = spawn(process.execPath, [join(directory, 'parent.mjs'), JSON.stringify(spec)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data))),
  );
  const pid = /pid (\d+)/.exec(line)![1]!;
  expect(readdirSync('/proc')).toContain(pid);
  child.kill('SIGKILL');
  try {
    await expect.poll(() => alive(pid)).toBe(false);
  } finally {
    if (alive(pid)) process.kill(Number(pid), 'SIGKILL');
  }
});

function alive(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a zip with stored and deflated entries is unpacked', () => {
  const zip = join(folder, 'a.zip');
  writeFileSync(
    zip,
    zipOf([
      ['a.txt', Buffer.from('hi\n'), false],
      ['b/c.txt', Buffer.from('x'.repeat(200)), true],
    ]),
  );
  unzip(zip, join(folder, 'unzipped'));
  expect(readFileSync(join(folder, 'unzipped/a.txt'), 'utf8')).toBe('hi\n');
  expect(readFileSync(join(folder, 'unzipped/b/c.txt'), 'utf8')).toBe('x'.repeat(200));
});

test('a zip that leads out of its folder is refused', () => {
  const zip = join(folder, 'evil.zip');
  writeFileSync(zip, zipOf([['../evil.txt', Buffer.from('hi'), false]]));
  expect(() => unzip(zip, join(folder, 'unzipped'))).toThrow('leads out of the package');
});

function zipOf(entries: [name: string, content: Buffer, deflate: boolean][]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content, deflate] of entries) {
    const packed = deflate ? deflateRawSync(content) : content;
    const local = Buffer.alloc(30 + name.length);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.write(name, 30);
    const entry = Buffer.alloc(46 + name.length);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflate ? 8 : 0, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    entry.write(name, 46);
    files.push(local, packed);
    directory.push(entry);
    offset += local.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, ...directory, end]);
}
