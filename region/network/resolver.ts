import { createSocket, type Socket } from 'node:dgram';

const typeA = 1;
const nameError = 3;

/**
 * A DNS server that knows a few names and answers NXDOMAIN to all others at once, as a closed network's
 * would. A known name has one A record; its AAAA answer is empty.
 *
 * @param resolve the IPv4 address of a lower-case name, or null
 */
export function startResolver(address: string, resolve: (name: string) => string | null): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const reply = answer(query, resolve);
    if (reply !== null) socket.send(reply, from.port, from.address);
  });
  return new Promise((done, fail) => {
    socket.once('error', fail);
    socket.bind(53, address, () => done(socket));
  });
}

/** The reply to one query, or null when it is none. Exported for its tests. */
export function answer(query: Buffer, resolve: (name: string) => string | null): Buffer | null {
  const question = readQuestion(query);
  if (question === null) return null;
  const address = resolve(question.name);
  const found = address !== null && question.type === typeA;

  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  const recursionDesired = query.readUInt16BE(2) & 0x0100;
  header.writeUInt16BE(0x8080 | recursionDesired | (address === null ? nameError : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found ? 1 : 0, 6);
  const parts = [header, query.subarray(12, question.end)];
  if (found) {
    // The record's name points back at the question; class IN, 60 seconds to live, four bytes of data.
    const record = Buffer.from([0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4]);
    parts.push(record, Buffer.from(address.split('.').map(Number)));
  }
  return Buffer.concat(parts);
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } | null {
  const isQuery = query.length > 12 && (query.readUInt16BE(2) & 0x8000) === 0 && query.readUInt16BE(4) === 1;
  if (!isQuery) return null;
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length !== 0; length = query[at] ?? 0) {
    if (length > 63 || at + 1 + length >= query.length) return null;
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  if (at + 5 > query.length) return null;
  const type = query.readUInt16BE(at + 1);
  return { name: labels.join('.'), type, end: at + 5 };
}
