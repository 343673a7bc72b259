import { NormalizedSchema } from '@smithy/core/schema';
import { AwsError, type Service, wireOf } from './service.ts';
import { type Dialect, readInput } from './validation.ts';

export interface WireRequest {
  method: string;
  /** Without the query string. */
  path: string;
  query: Record<string, string>;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Uint8Array;
}

// biome-ignore lint/suspicious/noExplicitAny: the SDK's static schemas are nested tuples without a type of their own.
export type OperationSchema = any[];

/** A request whose service and operation are known. */
export interface Recognised {
  service: Service;
  operation: string;
  /** Undefined when the model has no such operation. */
  schema: OperationSchema | undefined;
  /** What AWS answers for an operation that it doesn't have. */
  unknown: AwsError;
  /** The validated input. */
  read(): Record<string, unknown>;
}

/** Finds service and operation as AWS does: by target header, by Action and Version, or by path. */
export function recognise(request: WireRequest, services: ReadonlyMap<string, Service>): Recognised {
  const scope = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
  const target = request.headers['x-amz-target'];
  if (target !== undefined) return recogniseJson(request, target, services);
  const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  if (form || request.query.Action !== undefined) return recogniseQuery(request, services);
  const service = [...services.values()].find(
    (candidate) => dialectOf(candidate) === 'rest' && (scope === undefined || scope === candidate.name),
  );
  if (service) return recogniseRest(request, service);
  throw new AwsError('UnknownOperationException', `No service ${scope ?? request.path} in this region`, 404);
}

export function dialectOf(service: Service): Dialect {
  const { shapeId } = wireOf(service);
  return shapeId.endsWith('awsQuery') ? 'query' : shapeId.endsWith('restJson1') ? 'rest' : 'json';
}

function recogniseJson(
  request: WireRequest,
  target: string,
  services: ReadonlyMap<string, Service>,
): Recognised {
  const [prefix, operation = ''] = target.split('.');
  const unknown = new AwsError('UnknownOperationException');
  const service = [...services.values()].find((candidate) => wireOf(candidate).serviceTarget === prefix);
  if (!service) throw unknown;
  return recognised(service, operation, unknown, () => parseJson(request.body));
}

function recogniseQuery(request: WireRequest, services: ReadonlyMap<string, Service>): Recognised {
  const form = new URLSearchParams(Buffer.from(request.body).toString());
  for (const [key, value] of Object.entries(request.query)) form.set(key, value);
  const operation = form.get('Action') ?? '';
  const version = form.get('Version') ?? '';
  const unknown = new AwsError(
    'InvalidAction',
    `Could not find operation ${operation} for version ${version}`,
    400,
  );
  const service = [...services.values()].find(
    (candidate) => dialectOf(candidate) === 'query' && wireOf(candidate).version === version,
  );
  if (!service) throw unknown;
  form.delete('Action');
  form.delete('Version');
  return recognised(service, operation, unknown, () => nest(form));
}

/** `Filters.member.1.Name=x` → `{ Filters: { member: { 1: { Name: 'x' } } } }`. */
function nest(form: URLSearchParams): Record<string, unknown> {
  const root: Record<string, unknown> = Object.create(null);
  for (const [path, value] of form) {
    const keys = path.split('.');
    const last = keys.pop()!;
    let node = root;
    for (const key of keys) {
      if (typeof node[key] !== 'object') node[key] = Object.create(null);
      node = node[key] as Record<string, unknown>;
    }
    node[last] = value;
  }
  return root;
}

function recogniseRest(request: WireRequest, service: Service): Recognised {
  const unknown = new AwsError(
    'AccessDeniedException',
    'Unable to determine service/operation name to be authorized',
    403,
  );
  for (const schema of Object.values(service.model) as OperationSchema[]) {
    if (!Array.isArray(schema) || schema[0] !== 9 || !schema[3].http) continue;
    const [method, template] = schema[3].http as [string, string];
    const labels = method === request.method ? match(template.split('?')[0]!, request.path) : undefined;
    if (!labels) continue;
    return recognised(service, schema[2], unknown, () => bind(schema, request, labels));
  }
  throw unknown;
}

function match(template: string, path: string): Record<string, string> | undefined {
  const pattern = template.replace(/\/$/, '').replace(/\{(\w+)\+?\}/g, '(?<$1>[^/]+)');
  const groups = new RegExp(`^${pattern}/?$`).exec(path);
  if (!groups) return undefined;
  return Object.fromEntries(
    Object.entries(groups.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
  );
}

function bind(
  schema: OperationSchema,
  request: WireRequest,
  labels: Record<string, string>,
): Record<string, unknown> {
  const raw: Record<string, unknown> = {};
  let payload = false;
  for (const [name, member] of NormalizedSchema.of(schema[4]).structIterator()) {
    const { httpLabel, httpHeader, httpQuery, httpPayload } = member.getMergedTraits();
    if (httpLabel) raw[name] = labels[name];
    else if (httpHeader) raw[name] = request.headers[String(httpHeader).toLowerCase()];
    else if (httpQuery) raw[name] = request.query[String(httpQuery)];
    else if (httpPayload) {
      payload = true;
      raw[name] = request.body;
    }
  }
  return payload || request.body.length === 0 ? raw : { ...raw, ...parseJson(request.body) };
}

function recognised(
  service: Service,
  operation: string,
  unknown: AwsError,
  raw: () => Record<string, unknown>,
): Recognised {
  const schema = service.model[`${operation}$`] as OperationSchema | undefined;
  return {
    service,
    operation,
    schema: schema?.[0] === 9 ? schema : undefined,
    unknown,
    read: () =>
      readInput(NormalizedSchema.of(schema![4]), raw(), dialectOf(service), service.limits?.[operation]),
  };
}

function parseJson(body: Uint8Array): Record<string, unknown> {
  if (body.length === 0) return {};
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch (cause) {
    throw new AwsError('SerializationException', `Could not parse request body: ${(cause as Error).message}`);
  }
}
