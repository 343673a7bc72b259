/**
 * The flood: clients of a proxy that never stop asking. A program, started with what it shall do as JSON; it
 * sends its counts over IPC, and ends when it is told to or its parent goes. Nothing that fails is tried
 * again before it is counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, FloodError, failureOf } from './flood-connection.ts';
import {
  type Count,
  type FloodCounts,
  type FloodPlan,
  type Kind,
  kinds,
  newCount,
  type ToFlood,
} from './flood-plan.ts';

const plan = JSON.parse(process.argv[2] ?? '') as FloodPlan;
const counts: FloodCounts = {
  kinds: Object.fromEntries(kinds.map((kind) => [kind, newCount()])) as Record<Kind, Count>,
  announced: 0,
  closedBetweenRequests: 0,
  held: 0,
  endedByClient: 0,
  examples: [],
};
const examplesMax = 20;
/** S3's large object repeats this, and begins again every 64 KiB. */
const pattern = Buffer.alloc(65_536, 'shoal-').toString('latin1');

let stopping = false;
/** Connections whose client has been told to end them. */
let told = new Set<number>();
/** Goes up when visitors shall come anew. */
let visit = 0;

process.on('disconnect', () => process.exit());
process.on('message', (message: ToFlood) => {
  if (message === 'stop') stopping = true;
  else if (message === 'visit') visit += 1;
  else told = new Set(message.leave);
});
const loops = [
  ...many(plan.clients.fresh, () => repeat('fresh', fresh)),
  ...many(plan.clients.connect, () => repeat('connect', throughTunnel)),
  ...many(plan.clients['keep-alive'], () => repeat('keep-alive', keepAlive)),
  // One that breaks stays broken: what is held at the end was held from the start.
  ...many(plan.clients.tunnel, () => attempt('tunnel', () => tunnel(false))),
  ...many(plan.visitors, () => repeat('tunnel', () => tunnel(true))),
];
const reporting = setInterval(() => process.send?.(counts), 250);
await Promise.all(loops);
clearInterval(reporting);
process.send?.(counts, undefined, undefined, () => process.disconnect());

function many(count: number, start: () => Promise<void>): Promise<void>[] {
  return Array.from({ length: count }, start);
}

/** One client after another. */
async function repeat(kind: Kind, client: () => Promise<void>): Promise<void> {
  while (!stopping) {
    await attempt(kind, client);
    await sleep(plan.pauseMs[kind]);
  }
}

async function attempt(kind: Kind, client: () => Promise<void>): Promise<void> {
  const began = Date.now();
  try {
    await client();
  } catch (error) {
    const failure = failureOf(error);
    counts.kinds[kind][failure] += 1;
    const { message } = error as Error;
    const example = `${new Date().toISOString()} ${kind} ${failure} after ${Date.now() - began} ms: ${message}`;
    if (counts.examples.length < examplesMax) counts.examples.push(example);
  }
}

/** A connection and one request. */
async function fresh(): Promise<void> {
  const connection = await Connection.open(plan.proxy);
  await ending(connection, async () => {
    await get('fresh', connection, 1_000, true);
    await connection.closedByFarEnd();
  });
}

/** A CONNECT, a handshake and one request through it. */
async function throughTunnel(): Promise<void> {
  const connection = await Connection.openTunnel(plan.proxy, { host: plan.s3, port: 443 });
  await ending(connection, async () => {
    await get('connect', connection, 16_000, true);
    await connection.closedByFarEnd();
  });
}

/**
 * Requests on one connection for as long as the proxy keeps it. A proxy may close it at any time: it says so
 * in its last answer, or the client finds out before it asks again. What is lost is counted as a failure.
 */
async function keepAlive(): Promise<void> {
  const connection = await Connection.open(plan.proxy);
  await ending(connection, async () => {
    while (!stopping && !told.has(connection.localPort)) {
      if (await get('keep-alive', connection, 1_000)) {
        counts.announced += 1;
        await connection.closedByFarEnd();
        return;
      }
      await sleep(plan.pauseMs['keep-alive']);
      if (connection.isOver()) {
        const error = connection.error();
        if (error !== null) throw error;
        counts.closedBetweenRequests += 1;
        return;
      }
    }
    await connection.end();
  });
}

/** A tunnel that carries a byte again and again, until its client ends it. */
async function tunnel(isVisitor: boolean): Promise<void> {
  const visitBegan = visit;
  const connection = await Connection.openTunnel(plan.proxy, { host: plan.s3, port: 443 });
  await ending(connection, async () => {
    const leaves = () => isVisitor && (told.has(connection.localPort) || visit > visitBegan);
    while (!stopping && !leaves()) {
      await get('tunnel', connection, 1);
      await sleep(plan.pauseMs.tunnel);
    }
    // A last byte, so that one which was cut off meanwhile doesn't count as held.
    await get('tunnel', connection, 1);
    if (isVisitor) counts.endedByClient += stopping ? 0 : 1;
    else counts.held += 1;
    await connection.end();
  });
}

/** Whatever comes of the work, the connection ends with it. */
async function ending(connection: Connection, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    connection.destroy();
  }
}

/** Gets so many bytes from somewhere in the large object, and checks them. Answers whether it was the last time. */
async function get(kind: Kind, connection: Connection, size: number, last = false): Promise<boolean> {
  const began = Date.now();
  const first = Math.floor(Math.random() * 1_000_000);
  const range = `${first}-${first + size - 1}`;
  // A proxy is asked for the whole address; through a tunnel that is allowed too.
  const { status, headers, body, closes } = await connection.ask(
    `GET http://${plan.s3}/squid-test-bucket/big.bin HTTP/1.1\r\nHost: ${plan.s3}\r\n` +
      `Range: bytes=${range}\r\nConnection: ${last ? 'close' : 'keep-alive'}\r\n\r\n`,
  );
  if (status !== 206) throw statusError(status, headers);
  const expected = (pattern + pattern).slice(first % 65_536, (first % 65_536) + size);
  if (!headers.includes(`bytes ${range}/`) || body !== expected)
    throw new Error(`bytes ${range} came back as other ones`);
  const count = counts.kinds[kind];
  count.served += 1;
  count.slowestMs = Math.max(count.slowestMs, Date.now() - began);
  return closes;
}

function statusError(status: number, headers: string): Error {
  const reason = /^x-squid-error: (\S+)/im.exec(headers)?.[1] ?? '';
  return new FloodError('status', `answered with ${status} ${reason}`);
}
