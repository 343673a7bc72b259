/**
 * Runs inside namespaces of its own (see squid.host.test.ts): one real Squid, and clients at any address of
 * 10.0.0.0/8. Reads requests as JSON lines on standard input and answers each with a line.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export type BedRequest =
  | { parse: string }
  | { load: string; sha256: string }
  | { ask: Question[] }
  | { serve: number[] }
  | { log: string };
/** Asked as `METHOD URL HTTP/1.1`, or with the very bytes of `raw`. */
export type Question = { from: string; url: string; method?: string; raw?: string };
/**
 * `parse`: exit code and output. `load`: milliseconds. `ask`: the status of each, and which addresses were reached
 * by it at the ports that `serve` has something listen on. `log`: the log's lines.
 */
export type BedAnswer = {
  code?: number;
  output?: string;
  statuses?: number[];
  reached?: string[];
  lines?: string[];
  error?: string;
};

const run = promisify(execFile);
const file = '/etc/squid/squid.conf';
let squid: ChildProcess | undefined;
const resolver = serveNames();
let reached: string[] = [];

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await serve(JSON.parse(line)).catch((error: Error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
squid?.kill('SIGTERM');
resolver.close();

async function serve(request: BedRequest): Promise<BedAnswer> {
  if ('parse' in request) return parse(request.parse);
  if ('load' in request) return load(request.load, request.sha256);
  if ('serve' in request) return listen(request.serve);
  if ('ask' in request) {
    reached = [];
    const statuses = await Promise.all(request.ask.map(ask));
    return { statuses, reached };
  }
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

/** At every address of the bed; Squid's own client sees an end at once. */
async function listen(ports: number[]): Promise<BedAnswer> {
  for (const port of ports) {
    const server = createServer((socket) => {
      reached.push(socket.localAddress ?? '');
      socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.unref().listen(port, '::', resolve));
  }
  return {};
}

async function ask({ from, url, method = 'GET', raw }: Question): Promise<number> {
  const { head } = await request(from, url, method, raw);
  return Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(head)?.[1] ?? 0);
}

/** The head of Squid's answer to a client at the address; empty when the connection fails. */
function request(
  from: string,
  url: string,
  method: string,
  raw = `${method} ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
): Promise<{ head: string }> {
  return new Promise((resolve) => {
    let head = '';
    const socket = connect({
      host: from.includes(':') ? '::1' : '127.0.0.1',
      port: 3128,
      localAddress: from,
    });
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('connect', () => socket.write(raw));
    socket.on('data', (chunk) => {
      head += chunk;
      if (head.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ head }));
  });
}

/**
 * Answers for names that say what they resolve to, and no such name for all others. `mixed` has two addresses
 * (Squid keeps but one of a hosts file); `v4-HEX` and `v6-HEX` have that one; `turns-HEX` has a public one and that
 * one in turn, each to be forgotten at once.
 */
function serveNames() {
  const turns = new Map<string, number>();
  const socket = createSocket('udp4').bind(53, '127.0.0.1');
  const addresses = (name: string, type: number): string[] => {
    if (type === 1 && name.startsWith('mixed')) return ['0a070001', '0a080001'];
    const [, kind, hex = ''] = /^(v4|v6|turns)-([0-9a-f]+)$/.exec(name) ?? [];
    if (kind === undefined || (type === 28) !== (kind === 'v6')) return [];
    const turn = turns.get(name) ?? 0;
    turns.set(name, turn + 1);
    return [kind === 'turns' && turn % 2 === 0 ? 'cb007109' : hex];
  };
  return socket.on('message', (query, { port }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const name = question.toString('latin1', 1, 1 + question[0]!);
    const type = question.readUInt16BE(question.length - 4);
    const found = addresses(name.toLowerCase(), type);
    const isKnown = /^(mixed|v4-|v6-|turns-)/.test(name);
    const counts = [0, 1, 0, found.length, 0, 0, 0, 0];
    const header = Buffer.from([query[0]!, query[1]!, 0x81, isKnown ? 0x80 : 0x83, ...counts]);
    const records = found.map((hex) => {
      const data = Buffer.from(hex, 'hex');
      const ttl = name.startsWith('turns') ? 0 : 60;
      return Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, ttl, 0, data.length]), data]);
    });
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
