import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** An object whose bytes repeat `pattern` up to `size`. */
interface StoredObject {
  key: string;
  size: number;
  pattern: Buffer;
}

interface ErrorAnswer {
  status: number;
  code: string;
  message: string;
}

const bucketName = 'squid-test-bucket';
const created = new Date('2026-01-15T09:00:00Z');
const objects: StoredObject[] = [
  { key: 'big.bin', size: 64 * 1024 * 1024, pattern: Buffer.alloc(65_536, 'shoal-') },
  text('hello.txt', 'Hello from the other side of the proxy.\n'),
  text('reports/2026/february.csv', 'day,requests\n1,1101\n2,1022\n'),
  text('reports/2026/january.csv', 'day,requests\n1,1048\n2,977\n'),
];

/**
 * A small read-only S3 endpoint with one bucket, over TLS on 443 and plain on 80, path-style and
 * virtual-hosted. Requests need no signature. A query `?rate=BYTES` on an object sends that many bytes a
 * second.
 */
export async function startS3(options: { address: string; name: string; key: Buffer; certificate: Buffer }) {
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    try {
      handle(options.name, request, response);
    } catch {
      response.destroy();
    }
  };
  const plain = createServer(serve).listen(80, options.address);
  const secure = createTlsServer({ key: options.key, cert: options.certificate }, serve);
  secure.listen(443, options.address);
  const listening = [plain, secure].map(
    (server) => new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject)),
  );
  await Promise.all(listening);
}

function handle(name: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', `http://${name}`);
  const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  const path = decodeURIComponent(url.pathname).slice(1);
  const virtualHosted = host.endsWith(`.${name}`);
  const bucket = virtualHosted ? host.slice(0, -name.length - 1) : (path.split('/', 1)[0] ?? '');
  const key = virtualHosted ? path : path.slice(bucket.length + 1);

  response.setHeader('Server', 'AmazonS3').setHeader('x-amz-request-id', 'SHOAL0000000000');
  const answer = look(request.method ?? '', bucket, key, url.searchParams);
  if (typeof answer === 'string') sendXml(request, response, 200, answer);
  else if ('code' in answer) sendError(request, response, answer);
  else sendObject(answer, Number(url.searchParams.get('rate') ?? 0), request, response);
}

function look(method: string, bucket: string, key: string, query: URLSearchParams) {
  const error = (status: number, code: string, message: string): ErrorAnswer => ({ status, code, message });
  if (method !== 'GET' && method !== 'HEAD') {
    return error(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.');
  }
  if (bucket === '') return listBuckets();
  if (bucket !== bucketName) return error(404, 'NoSuchBucket', 'The specified bucket does not exist');
  if (key === '') return listObjects(query.get('prefix') ?? '', query.get('delimiter') ?? '');
  const object = objects.find((candidate) => candidate.key === key);
  return object ?? error(404, 'NoSuchKey', 'The specified key does not exist.');
}

function listBuckets(): string {
  const owner = elements({ ID: '0'.repeat(64), DisplayName: 'region' });
  const bucket = elements({ Name: bucketName, CreationDate: created.toISOString() });
  return result(
    'ListAllMyBucketsResult',
    `<Owner>${owner}</Owner><Buckets><Bucket>${bucket}</Bucket></Buckets>`,
  );
}

/** ListObjectsV2, in a single page. */
function listObjects(prefix: string, delimiter: string): string {
  const entries = new Set<string>();
  for (const object of objects.filter((candidate) => candidate.key.startsWith(prefix))) {
    const cut = delimiter === '' ? -1 : object.key.indexOf(delimiter, prefix.length);
    if (cut === -1) entries.add(`<Contents>${describe(object)}</Contents>`);
    else
      entries.add(`<CommonPrefixes>${elements({ Prefix: object.key.slice(0, cut + 1) })}</CommonPrefixes>`);
  }
  const head = { Name: bucketName, Prefix: prefix, KeyCount: `${entries.size}`, MaxKeys: '1000' };
  const rest = { ...(delimiter && { Delimiter: delimiter }), IsTruncated: 'false' };
  return result('ListBucketResult', elements({ ...head, ...rest }) + [...entries].join(''));
}

function describe(object: StoredObject): string {
  const { key, size } = object;
  const modified = created.toISOString();
  return elements({
    Key: key,
    LastModified: modified,
    ETag: etag(object),
    Size: `${size}`,
    StorageClass: 'STANDARD',
  });
}

function sendObject(object: StoredObject, rate: number, request: IncomingMessage, response: ServerResponse) {
  // The AWS CLI fetches large objects in ranges.
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = Number(range?.[1] ?? 0);
  const end = Math.min(Number(range?.[2] || object.size - 1), object.size - 1);
  if (start > end) {
    const message = 'The requested range is not satisfiable';
    sendError(request, response, { status: 416, code: 'InvalidRange', message });
    return;
  }
  response.writeHead(range ? 206 : 200, {
    'Content-Type': 'binary/octet-stream',
    'Content-Length': end - start + 1,
    'Accept-Ranges': 'bytes',
    'Last-Modified': created.toUTCString(),
    ETag: etag(object),
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${object.size}` }),
  });
  if (request.method === 'HEAD') response.end();
  else Readable.from(bytes(object, start, end, rate)).pipe(response);
}

async function* bytes({ pattern }: StoredObject, start: number, end: number, rate: number) {
  const sliceBytes = rate > 0 ? Math.max(1, Math.floor(rate / 10)) : pattern.length;
  for (let at = start; at <= end; ) {
    const offset = at % pattern.length;
    const slice = pattern.subarray(offset, Math.min(offset + sliceBytes, offset + end - at + 1));
    yield slice;
    at += slice.length;
    if (rate > 0) await sleep((1000 * slice.length) / rate);
  }
}

function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message }: ErrorAnswer,
) {
  const body = elements({ Code: code, Message: message, RequestId: 'SHOAL0000000000', HostId: 'region' });
  sendXml(request, response, status, `<Error>${body}</Error>`);
}

function sendXml(request: IncomingMessage, response: ServerResponse, status: number, xml: string) {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`);
  response.setHeader('x-amz-bucket-region', 'ap-northeast-1');
  response.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function result(name: string, content: string): string {
  return `<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${name}>`;
}

function elements(members: Record<string, string>): string {
  const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return Object.entries(members)
    .map(([name, content]) => `<${name}>${escaped(content)}</${name}>`)
    .join('');
}

function text(key: string, content: string): StoredObject {
  return { key, size: Buffer.byteLength(content), pattern: Buffer.from(content) };
}

function etag({ size, pattern }: StoredObject): string {
  return `"${createHash('md5').update(`${size}`).update(pattern).digest('hex')}"`;
}
