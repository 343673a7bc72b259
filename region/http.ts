import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpResponse, type IHttpRequest } from '@smithy/core/protocols';
import type { Wire } from './wire.ts';

/** What the command line asks of a running region and AWS has no call for. Throws what is wrong. */
export type Control = (words: string[]) => string;

/**
 * Serves the wire on 127.0.0.1, and controls below /_region/. Port 0 takes a free one. Rejects with
 * EADDRINUSE when it is taken.
 */
export async function listen(
  wire: Wire,
  port: number,
  control: Record<string, Control> = {},
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    // A client that goes away in the middle of its request, or sends no URL at all, gets no answer.
    serve(wire, control, request, response).catch(() => response.destroy());
  });
  // An SDK keeps its connections; closing them early races with its next request.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  wire: Wire,
  control: Record<string, Control>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = new URL(request.url ?? '/', 'http://region');
  const [, place, command = ''] = url.pathname.split('/');
  // The header keeps web pages out: no browser sends it to another origin without asking first.
  if (place === '_region' && request.headers['x-region-control'] && Object.hasOwn(control, command)) {
    try {
      response.end(control[command]!(JSON.parse(Buffer.concat(chunks).toString())));
    } catch (error) {
      response.writeHead(400).end((error as Error).message);
    }
    return;
  }
  const answer = await wire.handle({
    method: request.method ?? 'GET',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, `${value}`])),
    body: Buffer.concat(chunks),
  });
  response.writeHead(answer.statusCode, { ...answer.headers, 'content-length': answer.body.length });
  response.end(answer.body);
}

/**
 * A `requestHandler` for SDK clients that calls the wire without a socket, so that it also works on
 * virtual time. It sends no Date header, which would move the SDK's signing clock.
 */
export function requestHandler(wire: Wire) {
  return {
    async handle(request: IHttpRequest): Promise<{ response: HttpResponse }> {
      const body = request.body ?? new Uint8Array();
      const answer = await wire.handle({
        method: request.method,
        path: request.path,
        query: Object.fromEntries(
          Object.entries(request.query ?? {}).map(([name, value]) => [name, `${value}`]),
        ),
        headers: Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
        // The SDK's own byte arrays warn when they are taken for text.
        body:
          typeof body === 'string'
            ? Buffer.from(body)
            : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      });
      return { response: new HttpResponse(answer) };
    },
    updateHttpClientConfig(): void {},
    httpHandlerConfigs: () => ({}),
  };
}
