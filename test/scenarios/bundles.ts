import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { Script } from 'node:vm';
import { machineClock } from '../../region/clock.ts';
import type { FunctionSpec, Sandboxes } from '../../region/ports.ts';
import { createInProcessSandboxes, type Handler } from '../../region/sandbox-in-process.ts';
import type { Wire } from '../../region/wire.ts';

/**
 * Sandboxes that run packaged bundles in this process, each with the environment of its function, so that they
 * can be run on virtual time and beside other versions of themselves. What they would do by real input and output,
 * which takes no virtual time, is answered here: requests go to the wire, and there is no file of settings.
 */
export function createBundleSandboxes(wire: () => Wire, accepted: Accepted = () => {}): Sandboxes {
  return {
    async start(spec, log) {
      const call: Call = async (request) => {
        const answer = await wire().handle(request);
        if (answer.statusCode === 200) accepted(spec, request);
        return answer;
      };
      const handlers = { [spec.name]: load(spec, call, log) };
      return createInProcessSandboxes(machineClock, handlers).start(spec, log);
    },
  };
}

/** Hears of each request that was answered well, and whose it was. */
type Accepted = (spec: FunctionSpec, request: Parameters<Wire['handle']>[0]) => void;
type Call = Wire['handle'];

const scripts = new Map<string, Script>();
const requireHere = createRequire(import.meta.url);

function load(spec: FunctionSpec, call: Call, log: (line: string) => void): Handler {
  // The loader that the handler is in only adds a code cache.
  const filename = join(spec.directory, dirname(spec.handler), 'main.cjs');
  const text = () => `(function (process) { return ${readFileSync(filename, 'latin1')} })`;
  const script = scripts.get(filename) ?? new Script(text(), { filename });
  scripts.set(filename, script);
  const env = { ...spec.environment, AWS_LAMBDA_FUNCTION_NAME: spec.name };
  const lines = new Writable({
    write(chunk, _, done) {
      for (const line of String(chunk).trimEnd().split('\n')) log(line);
      done();
    },
  });
  const own = Object.create(process, {
    env: { value: env },
    stdout: { value: lines },
    stderr: { value: lines },
  });
  const nodes: Record<string, unknown> = {
    'node:process': own,
    'node:http': httpOf(call),
    'node:https': httpOf(call),
    'node:timers': { setTimeout, clearTimeout },
    'node:fs/promises': {
      readFile: () => Promise.reject(Object.assign(new Error('none'), { code: 'ENOENT' })),
    },
  };
  const module = { exports: {} as { handler: Handler } };
  const wrapped = script.runInThisContext()(own);
  wrapped(module.exports, (id: string) => nodes[id] ?? requireHere(id), module, filename, dirname(filename));
  return module.exports.handler;
}

/** As much of node:http as the SDK's request handler asks for. */
function httpOf(call: Call) {
  class Agent {
    destroy(): void {}
  }
  const request = (options: RequestOptions, answered: (response: IncomingMessage) => void) => {
    const chunks: Buffer[] = [];
    const url = new URL(options.path ?? '/', 'http://region');
    const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      `${value}`,
    ]);
    const sent = new Writable({
      write(chunk, _, done) {
        chunks.push(Buffer.from(chunk));
        done();
      },
      final(done) {
        done();
        const body = Buffer.concat(chunks);
        const method = options.method ?? 'GET';
        const query = Object.fromEntries(url.searchParams);
        const asked = { method, path: url.pathname, query, headers: Object.fromEntries(headers), body };
        void call(asked).then((answer) => {
          const { statusCode } = answer;
          const response = Object.assign(Readable.from([answer.body]), {
            statusCode,
            headers: answer.headers,
          });
          if (!sent.destroyed) answered(response as unknown as IncomingMessage);
        });
      },
      autoDestroy: false,
    });
    return Object.assign(sent, { setTimeout: () => sent, setNoDelay: () => sent });
  };
  return { Agent, request, default: { Agent, request } };
}
