import { NormalizedSchema } from '@smithy/core/schema';
import type { Faults } from './faults.ts';
import type { Clock } from './ports.ts';
import { AwsError, account, type Call, type Service } from './service.ts';
import { dialectOf, type Recognised, recognise, type WireRequest } from './wire-requests.ts';
import { failure, success, type WireResponse } from './wire-responses.ts';

export interface LogEntry {
  /** Milliseconds since the epoch. */
  at: number;
  service: string;
  operation: string;
  identity: string;
  requestId: string;
  ms: number;
  /** The error's code on the wire. */
  error?: string;
  input?: Record<string, unknown>;
}

export interface Wire {
  add(service: Service): void;
  services: ReadonlyMap<string, Service>;
  /** Access key id → ARN. A key that is not in it is the administrator's. */
  identities: Map<string, string>;
  /** The last `logEntriesMax` requests, oldest first. */
  log: LogEntry[];
  /** A test's own fault, asked before each operation runs; the error it returns is answered instead. */
  fault:
    | ((request: Pick<LogEntry, 'service' | 'operation' | 'identity' | 'input'>) => AwsError | undefined)
    | undefined;
  /** Throws AWS's error when the caller may not do this. */
  authorize(identity: string, service: string, operation: string, input: Record<string, unknown>): void;
  /** Serves one request, whichever way it came. Never rejects: an unexpected error is a 500 of AWS's. */
  handle(request: WireRequest): Promise<WireResponse>;
}

export const administrator = `arn:aws:iam::${account}:root`;
const logEntriesMax = 20_000;

export interface WireOptions {
  clock: Clock;
  newId: () => string;
  faults: Faults;
  /** Why a caller may not do this, in AWS's words; undefined when it may. */
  denial?(
    identity: string,
    service: string,
    operation: string,
    input: Record<string, unknown>,
  ): string | undefined;
}

export function createWire(options: WireOptions): Wire {
  const { clock, newId } = options;
  const services = new Map<string, Service>();
  const wire: Wire = {
    services,
    add: (service) => void services.set(service.name, service),
    identities: new Map(),
    log: [],
    fault: undefined,
    authorize(identity, name, operation, input) {
      const message = options.denial?.(identity, name, operation, input);
      if (message === undefined) return;
      const service = services.get(name);
      const dialect = service && dialectOf(service);
      if (dialect === 'query') throw new AwsError('AccessDenied', message, 403);
      throw new AwsError('AccessDeniedException', message, dialect === 'json' ? 400 : 403);
    },
    async handle(request) {
      const call: Call = { ...identify(request, wire.identities), requestId: newId() };
      const entry: LogEntry = {
        at: clock.now(),
        service: '',
        operation: '',
        identity: call.identity,
        requestId: call.requestId,
        ms: 0,
      };
      const response = await answer(wire, options.faults, request, call, entry);
      entry.ms = clock.now() - entry.at;
      wire.log.push(entry);
      if (wire.log.length > logEntriesMax * 1.1) wire.log.splice(0, wire.log.length - logEntriesMax);
      return response;
    },
  };
  return wire;
}

async function answer(
  wire: Wire,
  faults: Faults,
  request: WireRequest,
  call: Call,
  entry: LogEntry,
): Promise<WireResponse> {
  let recognised: Recognised | undefined;
  try {
    recognised = recognise(request, wire.services);
    const { service, operation } = recognised;
    entry.service = service.name;
    entry.operation = operation;
    if (call.accessKeyId === '') {
      throw dialectOf(service) === 'query'
        ? new AwsError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403)
        : new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token', 403);
    }
    const run = service.operations[operation];
    if (!run || !recognised.schema) throw recognised.unknown;
    const input = recognised.read();
    entry.input = input;
    // Nobody is left to hear an answer.
    if (faults.crashes(call.identity, request.headers['x-amz-security-token'] ?? ''))
      await new Promise(() => {});
    wire.authorize(call.identity, service.name, operation, input);
    const fault = wire.fault?.(entry) ?? faults.errorOf(service.name, operation, call.identity);
    if (fault) throw fault;
    const output = await run(input, call);
    return success(recognised, NormalizedSchema.of(recognised.schema[5]), output ?? {}, call.requestId);
  } catch (thrown) {
    const error =
      thrown instanceof AwsError
        ? thrown
        : new AwsError('InternalFailure', `${(thrown as Error).stack}`, 500);
    entry.error = error.code;
    return failure(recognised, request, error, call.requestId);
  }
}

function identify(request: WireRequest, identities: Map<string, string>): Omit<Call, 'requestId'> {
  const accessKeyId = /Credential=([^/,\s]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return { accessKeyId, identity: identities.get(accessKeyId) ?? administrator };
}
