/**
 * Clients of the proxy, all on one on-premises machine: tunnels that stay open and are asked again and again,
 * and with --new a new one every moment. Runs until its input ends, and then says what became of them.
 *
 *   npm run --silent region -- client -- node scripts/demo/traffic.ts [--tunnels N] [--new]
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { parseArgs } from 'node:util';

/** A connection to S3 through the proxy. */
interface Tunnel {
  /** The client's own end, as Squid's host sees it too. */
  name: string;
  secure: TLSSocket;
  chunks: AsyncIterator<string>;
}

const pauseMs = 100;
/** Long enough for a busy machine: whoever waits longer isn't served. */
const patienceMs = 20_000;
const proxy = new URL(process.env.PROXY ?? '');
const { hostname: s3 } = new URL(process.env.S3_ENDPOINT ?? '');
let ending = false;

const { values } = parseArgs({
  options: { tunnels: { type: 'string', default: '0' }, new: { type: 'boolean', default: false } },
});
process.stdin.resume().once('end', () => {
  ending = true;
});
await Promise.all([
  ...Array.from({ length: Number(values.tunnels) }, keepAsking),
  ...(values.new ? [connectAnew()] : []),
]);

async function keepAsking(): Promise<void> {
  let name = '-';
  let answers = 0;
  try {
    const tunnel = await open();
    ({ name } = tunnel);
    // Once more after the end of the input, so that one which was cut off meanwhile doesn't count as open.
    for (let last = false; !last; await sleep(pauseMs)) {
      last = ending;
      await ask(tunnel);
      if (answers++ === 0) process.stdout.write(`${name}  open\n`);
    }
    process.stdout.write(`${name}  still open, ${answers} answers\n`);
    tunnel.secure.destroy();
  } catch (error) {
    process.stdout.write(`${name}  closed after ${answers} answers: ${(error as Error).message}\n`);
  }
}

async function connectAnew(): Promise<void> {
  const failures: string[] = [];
  let answered = 0;
  for (; !ending; await sleep(pauseMs)) {
    try {
      const tunnel = await open();
      await ask(tunnel);
      tunnel.secure.destroy();
      answered++;
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  const first = failures.length > 0 ? `, the first: ${failures[0]}` : '';
  process.stdout.write(`new connections: ${answered} answered, ${failures.length} failed${first}\n`);
}

async function open(): Promise<Tunnel> {
  const plain = connect(Number(proxy.port), proxy.hostname);
  plain.setTimeout(patienceMs, () => plain.destroy(new Error('no answer')));
  await once(plain, 'connect');
  plain.write(`CONNECT ${s3}:443 HTTP/1.1\r\nHost: ${s3}:443\r\n\r\n`);
  const [answer] = (await once(plain, 'data')) as [Buffer];
  const [status = ''] = answer.toString().split('\r\n');
  if (!status.startsWith('HTTP/1.1 200')) throw new Error(`the proxy says ${status}`);
  const secure = connectTls({ socket: plain, servername: s3 }).setEncoding('utf8');
  secure.setTimeout(patienceMs, () => secure.destroy(new Error('no answer')));
  // It keeps what comes while nobody waits, and what goes wrong.
  const chunks = secure[Symbol.asyncIterator]();
  return { name: `${plain.localAddress}:${plain.localPort}`, secure, chunks };
}

/** A request through the tunnel; rejects when it isn't answered. */
async function ask({ secure, chunks }: Tunnel): Promise<void> {
  secure.write(`GET /squid-test-bucket/hello.txt HTTP/1.1\r\nHost: ${s3}\r\n\r\n`);
  for (let answer = ''; !answer.endsWith('the proxy.\n'); ) {
    const { value, done } = await chunks.next();
    if (done) throw new Error('closed');
    answer += value;
  }
}
