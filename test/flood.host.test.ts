import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { s3Name } from '../region/network/addresses.ts';
import { createCertificates } from '../region/network/certificates.ts';
import { floodTable, total } from './bench/flood.ts';
import { failures } from './bench/flood-connection.ts';
import { floodFleet } from './bench/flood-fleet.ts';
import {
  calmPauseMs,
  type FloodClients,
  type FloodCounts,
  type FloodPlan,
  failed,
  type Kind,
} from './bench/flood-plan.ts';

test('no client that stays notices two rollouts, a scale-out and a scale-in', async () => {
  const clients: FloodClients = {
    clients: { fresh: 4, connect: 2, 'keep-alive': 4, tunnel: 6 },
    visitors: 3,
    pauseMs: calmPauseMs,
  };
  const result = await floodFleet({ port: 4615, rollouts: 2, capacity: 4, clients });
  const { counts } = result;
  const table = floodTable(result);
  expect(counts.examples, table).toEqual([]);
  expect(total(counts), table).toBe(0);
  expect(counts.held, table).toBe(6);
  expect(counts.closedBetweenRequests, table).toBe(0);
  expect(result.revoked, table).toEqual({ opened: 4, closed: 4 });
  // Enough of each to have met every rollout, however slow the machine.
  for (const { served } of Object.values(counts.kinds)) expect(served, table).toBeGreaterThan(20);
  expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});

describe('the flood counts', () => {
  const servers: Server[] = [];
  let directory: string;
  let s3: number;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'shoal-flood-'));
    await createCertificates(directory);
    const [key, cert] = ['s3.key', 's3.pem'].map((name) => readFileSync(join(directory, name)));
    const server = createTlsServer({ key, cert }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (request) => socket.write(answerTo(request.toString('latin1'))));
    });
    s3 = await listen(server);
  });
  afterEach(() => {
    for (const server of servers.splice(1)) server.close();
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a refused connection', async () => {
    const port = await proxy(() => {});
    servers.pop()?.close();
    expect(failuresOf(await flood('fresh', port))).toEqual(['refused']);
  });

  test('a reset', async () => {
    const port = await proxy((socket) => socket.resetAndDestroy());
    expect(failuresOf(await flood('fresh', port))).toEqual(['reset']);
  });

  test('an answer with another status', async () => {
    const port = await proxy((socket) => socket.end('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'));
    expect(failuresOf(await flood('fresh', port))).toEqual(['status']);
    expect(failuresOf(await flood('connect', port))).toEqual(['status']);
  });

  test('half an answer', async () => {
    const port = await proxy((socket, request) => socket.end(answerTo(request).slice(0, -500)));
    expect(failuresOf(await flood('fresh', port))).toEqual(['broken']);
  });

  test('other bytes than those that were asked for', async () => {
    const port = await proxy((socket, request) => socket.end(answerTo(request).replace('shoal', 'squid')));
    expect(failuresOf(await flood('fresh', port))).toEqual(['broken']);
  });

  test('a tunnel that is reset before it carries anything', async () => {
    const port = await proxy((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
      socket.write(established);
    });
    expect(failuresOf(await flood('connect', port))).toEqual(['reset']);
  });

  test('an announced close apart, and as no failure', async () => {
    const port = await proxy((socket, request) => socket.end(answerTo(request, 'close')));
    const counts = await flood('keep-alive', port, ({ announced }) => announced > 1);
    expect([failuresOf(counts), counts.closedBetweenRequests]).toEqual([[], 0]);
  });

  test('a close between requests apart, and as no failure', async () => {
    const port = await proxy((socket, request) => socket.end(answerTo(request)));
    const counts = await flood('keep-alive', port, ({ closedBetweenRequests }) => closedBetweenRequests > 1);
    expect([failuresOf(counts), counts.announced]).toEqual([[], 0]);
  });

  test('a reset between requests as a failure', async () => {
    const port = await proxy((socket, request) =>
      socket.write(answerTo(request), () => setTimeout(() => socket.resetAndDestroy(), 10)),
    );
    expect(failuresOf(await flood('keep-alive', port))).toEqual(['reset']);
  });

  test('a tunnel that lives to the end as held', async () => {
    const port = await proxy((socket) => tunnel(socket));
    const counts = await flood('tunnel', port, ({ kinds }) => kinds.tunnel.served > 10);
    expect([failuresOf(counts), counts.held]).toEqual([[], 2]);
  });

  test('a tunnel that is cut, and opens it no more', async () => {
    let opened = 0;
    const port = await proxy((socket) => {
      opened += 1;
      const far = tunnel(socket);
      if (opened === 1) setTimeout(() => far.destroy(), 500);
    });
    const counts = await flood('tunnel', port, ({ kinds }) => failed(kinds.tunnel) > 0);
    expect([failed(counts.kinds.tunnel), counts.held, opened]).toEqual([1, 1, 2]);
  });

  const established = 'HTTP/1.1 200 Connection established\r\n\r\n';

  /** Joins the client to S3. */
  function tunnel(socket: Socket): Socket {
    const far = connect(s3, '127.0.0.1');
    socket.write(established);
    socket.pipe(far).pipe(socket);
    far.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    return far;
  }

  /** A proxy on loopback that does this with each request. */
  function proxy(answer: (socket: Socket, request: string) => unknown): Promise<number> {
    const server = createServer((socket) => {
      const isFirst = (text: string) => text.endsWith('\r\n\r\n') && text.includes(s3Name);
      socket.on('error', () => {});
      socket.on(
        'data',
        (data) => isFirst(data.toString('latin1')) && answer(socket, data.toString('latin1')),
      );
    });
    return listen(server);
  }

  async function listen(server: Server): Promise<number> {
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** Lets two clients of a kind ask until enough was seen, and returns what was counted. */
  async function flood(kind: Kind, port: number, enough = sees(kind)): Promise<FloodCounts> {
    const none = { fresh: 0, connect: 0, 'keep-alive': 0, tunnel: 0 };
    const proxied = { proxy: { host: '127.0.0.1', port }, s3: s3Name };
    const plan: FloodPlan = {
      ...proxied,
      clients: { ...none, [kind]: 2 },
      visitors: 0,
      pauseMs: calmPauseMs,
    };
    const child = fork(join(import.meta.dirname, 'bench/flood-client.ts'), [JSON.stringify(plan)], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') },
      execArgv: [],
    });
    let counts: FloodCounts | undefined;
    let stopped = false;
    child.on('message', (message) => {
      counts = message as FloodCounts;
      if (stopped || !child.connected || !enough(counts)) return;
      stopped = true;
      // One whose tunnels are all broken may have ended by itself.
      child.send('stop', () => {});
    });
    await once(child, 'disconnect');
    return counts as FloodCounts;
  }

  const sees = (kind: Kind) => (counts: FloodCounts) => failed(counts.kinds[kind]) > 1;
});

/** The kinds of failures that were seen. */
function failuresOf({ kinds }: FloodCounts): string[] {
  return failures.filter((failure) => Object.values(kinds).some((count) => count[failure] > 0));
}

/** As S3 answers: bytes of an object that repeats a word, beginning anew every 64 KiB. */
function answerTo(request: string, connection = 'keep-alive'): string {
  const [, first, last] = /range: bytes=(\d+)-(\d+)/i.exec(request) ?? [];
  let body = '';
  for (let at = Number(first); at <= Number(last); at += 1) body += 'shoal-'.charAt((at % 65_536) % 6);
  return (
    `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes ${first}-${last}/67108864\r\n` +
    `Content-Length: ${body.length}\r\nConnection: ${connection}\r\n\r\n${body}`
  );
}
