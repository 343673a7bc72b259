import type { NormalizedSchema } from '@smithy/core/schema';
import { escapeXml, toJson, toXml } from './encoding.ts';
import { type AwsError, type Service, wireOf } from './service.ts';
import { dialectOf, type Recognised, type WireRequest } from './wire-requests.ts';

export interface WireResponse {
  statusCode: number;
  headers: Record<string, string>;
  body: Uint8Array;
}

export function success(
  { service, operation, schema }: Recognised,
  shape: NormalizedSchema,
  output: unknown,
  requestId: string,
): WireResponse {
  const dialect = dialectOf(service);
  if (dialect === 'query') {
    // Operations without output have no result element at all.
    const result = shape.isUnitSchema()
      ? ''
      : `<${operation}Result>${toXml(shape, output)}</${operation}Result>`;
    const namespace = wireOf(service).xmlNamespace;
    const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
    const xml = `<${operation}Response xmlns="${namespace}">${result}${metadata}</${operation}Response>`;
    return respond(200, requestId, { 'content-type': 'text/xml' }, xml);
  }
  if (dialect === 'rest') return restSuccess(shape, schema![3].http[2], output, requestId);
  const body = shape.isUnitSchema() ? '{}' : JSON.stringify(toJson(shape, output));
  return respond(200, requestId, jsonHeaders(service), body);
}

function restSuccess(
  shape: NormalizedSchema,
  status: number,
  output: unknown,
  requestId: string,
): WireResponse {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  const rest: Record<string, unknown> = { ...(output as Record<string, unknown>) };
  let payload: Uint8Array | undefined;
  let statusCode = status;
  for (const [name, member] of shape.isUnitSchema() ? [] : shape.structIterator()) {
    const { httpHeader, httpPayload, httpResponseCode } = member.getMergedTraits();
    if (!httpHeader && !httpPayload && !httpResponseCode) continue;
    const value = rest[name];
    delete rest[name];
    if (httpResponseCode && value !== undefined) statusCode = Number(value);
    else if (httpHeader && value !== undefined) headers[String(httpHeader).toLowerCase()] = String(value);
    else if (httpPayload) payload = (value as Uint8Array | undefined) ?? new Uint8Array();
  }
  const body = payload ?? (shape.isUnitSchema() ? '' : JSON.stringify(toJson(shape, rest)));
  return respond(statusCode, requestId, headers, body);
}

export function failure(
  recognised: Recognised | undefined,
  request: WireRequest,
  error: AwsError,
  requestId: string,
): WireResponse {
  const service = recognised?.service;
  const query = service
    ? dialectOf(service) === 'query'
    : !request.headers['x-amz-target'] && request.headers['content-type']?.includes('form-urlencoded');
  const { httpError, awsQueryError } = errorTraits(service, error.code);
  // Over JSON, SSM answers 400 where its query form had 404.
  const status = error.status ?? httpError ?? (query ? awsQueryError?.[1] : undefined) ?? 400;
  const sender = status < 500 ? 'Sender' : 'Receiver';
  if (query) {
    const namespace = service ? wireOf(service).xmlNamespace : '';
    const detail = `<Type>${sender}</Type><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message>`;
    const xml = `<ErrorResponse xmlns="${namespace}"><Error>${detail}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
    return respond(status, requestId, { 'content-type': 'text/xml' }, xml);
  }
  const headers: Record<string, string> = { ...jsonHeaders(service), 'x-amzn-errortype': error.code };
  if (service && wireOf(service).awsQueryCompatible) {
    headers['x-amzn-query-error'] = `${awsQueryError?.[0] ?? error.code};${sender}`;
  }
  const message = error.message === '' ? {} : { message: error.message };
  return respond(status, requestId, headers, JSON.stringify({ __type: error.code, ...message }));
}

type ErrorTraits = { httpError?: number; awsQueryError?: [code: string, status: number] };

/** A model is large and errors are many, so each model is walked once. */
const errorsOfModels = new WeakMap<object, Map<string, ErrorTraits>>();

/** What the model says of an error: its HTTP status and its code in the query protocol. */
function errorTraits(service: Service | undefined, code: string): ErrorTraits {
  if (!service) return {};
  const errors = errorsOfModels.get(service.model) ?? errorsOf(service.model);
  errorsOfModels.set(service.model, errors);
  return errors.get(code) ?? {};
}

/** By the error's name and by its code in the query protocol; the first of the model counts. */
function errorsOf(model: object): Map<string, ErrorTraits> {
  const errors = new Map<string, ErrorTraits>();
  for (const schema of Object.values(model)) {
    if (!Array.isArray(schema) || schema[0] !== -3) continue;
    const [, , name, traits] = schema as [number, string, string, ErrorTraits | undefined];
    for (const code of [name, traits?.awsQueryError?.[0]]) {
      if (code !== undefined && !errors.has(code)) errors.set(code, traits ?? {});
    }
  }
  return errors;
}

function jsonHeaders(service: Service | undefined): Record<string, string> {
  const protocol = service ? wireOf(service).shapeId : '';
  if (protocol.endsWith('restJson1')) return { 'content-type': 'application/json' };
  return { 'content-type': `application/x-amz-json-1.${protocol.endsWith('1_0') ? 0 : 1}` };
}

const respond = (
  statusCode: number,
  requestId: string,
  headers: Record<string, string>,
  body: string | Uint8Array,
): WireResponse => ({
  statusCode,
  headers: { ...headers, 'x-amzn-requestid': requestId },
  body: typeof body === 'string' ? Buffer.from(body) : body,
});
