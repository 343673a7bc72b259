/**
 * Runs inside namespaces of its own (see squid.host.test.ts): one real Squid, and clients at any address of
 * 10.0.0.0/8. Reads requests as JSON lines on standard input and answers each with a line.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export type BedRequest =
  | { parse: string }
  | { load: string; sha256: string }
  | { ask: { from: string; url: string; method?: string }[] }
  | { log: string };
/** `parse`: exit code and output. `load`: milliseconds. `ask`: the status of each. `log`: the log's lines. */
export type BedAnswer = {
  code?: number;
  output?: string;
  statuses?: number[];
  lines?: string[];
  error?: string;
};

const run = promisify(execFile);
const file = '/etc/squid/squid.conf';
let squid: ChildProcess | undefined;
const resolver = serveNames();

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await serve(JSON.parse(line)).catch((error: Error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
squid?.kill('SIGTERM');
resolver.close();

async function serve(request: BedRequest): Promise<BedAnswer> {
  if ('parse' in request) return parse(request.parse);
  if ('load' in request) return load(request.load, request.sha256);
  if ('ask' in request) return { statuses: await Promise.all(request.ask.map(ask)) };
  return { lines: readFileSync(request.log, 'utf8').trimEnd().split('\n') };
}

async function parse(text: string): Promise<BedAnswer> {
  writeFileSync('/etc/squid/candidate.conf', text);
  const result = await run('/usr/sbin/squid', ['-k', 'parse', '-f', '/etc/squid/candidate.conf']).catch(
    (error: { code: number; stderr: string }) => error,
  );
  return { code: 'code' in result ? result.code : 0, output: result.stderr };
}

/** Starts Squid with the file, or has the running one take it, and waits until both workers answer with it. */
async function load(text: string, sha256: string): Promise<BedAnswer> {
  writeFileSync(file, text);
  if (squid === undefined) {
    squid = spawn('/usr/sbin/squid', ['--foreground', '-f', file], { stdio: 'ignore' });
    await until('the pid file', async () => existsSync('/run/squid.pid'));
  } else {
    await run('/usr/sbin/squid', ['-k', 'reconfigure', '-f', file]);
  }
  const workers = new Set<string>();
  await until(`generation ${sha256}`, async () => {
    const { head } = await request('127.0.0.1', 'http://config-generation.invalid/', 'GET');
    const found = /sha256-([0-9a-f]{64})-w([0-9]+)/.exec(head);
    if (found?.[1] === sha256) workers.add(found[2]!);
    return workers.size === 2;
  });
  return {};
}

async function ask(one: { from: string; url: string; method?: string }): Promise<number> {
  const { head } = await request(one.from, one.url, one.method ?? 'GET');
  return Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(head)?.[1] ?? 0);
}

/** The head of Squid's answer to a client at the address; empty when the connection fails. */
function request(from: string, url: string, method: string): Promise<{ head: string }> {
  return new Promise((resolve) => {
    let head = '';
    const socket = connect({
      host: from.includes(':') ? '::1' : '127.0.0.1',
      port: 3128,
      localAddress: from,
    });
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('connect', () =>
      socket.write(`${method} ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    socket.on('data', (chunk) => {
      head += chunk;
      if (head.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ head }));
  });
}

/** Two addresses for mixed.example.com (Squid keeps but one of a hosts file), and no such name for all others. */
function serveNames() {
  const socket = createSocket('udp4').bind(53, '127.0.0.1');
  return socket.on('message', (query, { port }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const isMixed = question.includes('mixed') && question.readUInt16BE(question.length - 4) === 1;
    const addresses = isMixed
      ? [
          [10, 7, 0, 1],
          [10, 8, 0, 1],
        ]
      : [];
    const header = Buffer.from([
      query[0]!,
      query[1]!,
      0x81,
      isMixed ? 0x80 : 0x83,
      0,
      1,
      0,
      addresses.length,
      0,
      0,
      0,
      0,
    ]);
    const records = addresses.map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address]),
    );
    socket.send(Buffer.concat([header, question, ...records]), port, '127.0.0.1');
  });
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited 15 s for ${what}`);
    await sleep(5);
  }
}
