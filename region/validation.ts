import type { NormalizedSchema } from '@smithy/core/schema';
import { AwsError, type Members, type Rule } from './service.ts';

/** `query` carries everything as text; `json` and `rest` carry JSON types. */
export type Dialect = 'json' | 'query' | 'rest';

/**
 * Reads an operation's input: `raw` (JSON, or the nested form of a query) becomes what the SDK's types
 * say, checked against the schema and the published limits. The SDK's own decoders check nothing, and a
 * member that is dropped silently would be met with a made-up success.
 */
export function readInput(
  schema: NormalizedSchema,
  raw: Record<string, unknown>,
  dialect: Dialect,
  limits: Members | undefined,
): Record<string, unknown> {
  const place: Place = { path: '', rule: limits ? { members: limits } : {}, dialect, problems: [] };
  const input = readStructure(schema, raw, place);
  const count = place.problems.length;
  if (count === 0) return input;
  const code = dialect === 'query' ? 'ValidationError' : 'ValidationException';
  const found = `${count} validation error${count > 1 ? 's' : ''} detected`;
  throw new AwsError(code, `${found}: ${place.problems.join('; ')}`);
}

/** Where in the input a value is, and what is asked of it there. */
interface Place {
  path: string;
  rule: Rule;
  dialect: Dialect;
  /** Of the whole input: broken constraints are reported together, malformed input at once. */
  problems: string[];
}

function readStructure(schema: NormalizedSchema, raw: unknown, place: Place): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const rest: Record<string, unknown> = { ...asObject(raw, 'a structure', place) };
  const required = requiredMembers(schema);
  const accepted = place.rule.members;
  for (const [name, member] of schema.isUnitSchema() ? [] : schema.structIterator()) {
    const path = `${place.path === '' ? '' : `${place.path}.`}${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    const inner: Place = { ...place, path, rule: accepted?.[name] ?? {} };
    const given = rest[name];
    delete rest[name];
    if (given === undefined || given === null) {
      if (required.has(name)) refuse(null, 'Member must not be null', inner);
    } else if (accepted && !accepted[name]) refuse(given, 'Member is not supported in this region', inner);
    else value[name] = readValue(member, given, inner);
  }
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw malformed(`Unexpected member '${unknown}'`, place);
  return value;
}

function readValue(schema: NormalizedSchema, raw: unknown, place: Place): unknown {
  const inner = (key: string | number): Place => {
    return { ...place, path: `${place.path}.${key}.member`, rule: place.rule.each ?? {} };
  };
  if (schema.isStructSchema()) return readStructure(schema, raw, place);
  if (schema.isListSchema()) {
    const entries = listOf(raw, place);
    const list = entries.map((entry, index) => readValue(schema.getValueSchema(), entry, inner(index + 1)));
    checkRange(list.length, list, 'length', place);
    return list;
  }
  if (schema.isMapSchema()) {
    // No operation of the region takes a map in a query, where it would be spelled entry.1.key.
    const pairs = Object.entries(asObject(raw, 'a map', place));
    const read = pairs.map(([key, entry]) => [key, readValue(schema.getValueSchema(), entry, inner(key))]);
    return Object.fromEntries(read);
  }
  if (schema.isStringSchema()) return readText(raw, place);
  if (schema.isDocumentSchema()) return raw;
  if (schema.isBlobSchema()) return raw instanceof Uint8Array ? raw : Buffer.from(String(raw), 'base64');
  return readScalar(schema, raw, place);
}

function readScalar(schema: NormalizedSchema, raw: unknown, place: Place): unknown {
  const { httpQuery, httpHeader, httpLabel } = schema.getMergedTraits();
  const text = place.dialect === 'query' || Boolean(httpQuery ?? httpHeader ?? httpLabel);
  if (schema.isTimestampSchema()) {
    const date = new Date(typeof raw === 'number' ? raw * 1000 : String(raw));
    if (Number.isNaN(date.getTime())) throw mistyped(raw, 'a timestamp', place);
    return date;
  }
  if (schema.isBooleanSchema()) {
    const value = text ? { true: true, false: false }[String(raw)] : raw;
    if (typeof value !== 'boolean') throw mistyped(raw, 'a Boolean', place);
    return value;
  }
  const value = text && raw !== '' ? Number(raw) : raw;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw mistyped(raw, 'a number', place);
  checkRange(value, value, 'value', place);
  return value;
}

function readText(raw: unknown, place: Place): string {
  const { pattern, values } = place.rule;
  if (typeof raw !== 'string') throw mistyped(raw, 'a String', place);
  checkRange(raw.length, raw, 'length', place);
  if (pattern && !pattern.test(raw)) {
    const source = pattern.source.replaceAll('\\/', '/');
    refuse(raw, `Member must satisfy regular expression pattern: ${source}`, place);
  }
  if (values && !values.includes(raw)) {
    refuse(raw, `Member must satisfy enum value set: [${values.join(', ')}]`, place);
  }
  return raw;
}

function checkRange(measure: number, value: unknown, word: 'length' | 'value', place: Place): void {
  const { min = -Infinity, max = Infinity } = place.rule;
  if (measure < min) refuse(value, `Member must have ${word} greater than or equal to ${min}`, place);
  if (measure > max) refuse(value, `Member must have ${word} less than or equal to ${max}`, place);
}

function listOf(raw: unknown, place: Place): unknown[] {
  if (place.dialect === 'query') {
    if (raw === '') return []; // How a query spells an empty list.
    const numbered = asObject((raw as { member?: unknown }).member, 'a list', place);
    const sorted = Object.entries(numbered).sort(([a], [b]) => Number(a) - Number(b));
    return sorted.map(([, entry]) => entry);
  }
  if (!Array.isArray(raw)) throw mistyped(raw, 'a list', place);
  return raw;
}

function asObject(raw: unknown, what: string, place: Place): object {
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) throw mistyped(raw, what, place);
  return raw;
}

/** The first members of a structure's schema are the required ones; the schema says how many. */
function requiredMembers(schema: NormalizedSchema): Set<string> {
  const structure = schema.getSchema();
  if (!Array.isArray(structure)) return new Set();
  return new Set((structure[4] as string[] | undefined)?.slice(0, Number(structure[6] ?? 0)));
}

function refuse(value: unknown, constraint: string, { path, problems }: Place): void {
  const shown = Array.isArray(value) ? `'[${value.join(', ')}]'` : value === null ? 'null' : `'${value}'`;
  problems.push(`Value ${shown} at '${path}' failed to satisfy constraint: ${constraint}`);
}

function mistyped(raw: unknown, wanted: string, place: Place): AwsError {
  const type = raw === null ? 'NULL' : Array.isArray(raw) ? 'LIST' : (typeof raw).toUpperCase();
  return malformed(`${type}_VALUE can not be converted to ${wanted}`, place);
}

function malformed(message: string, { dialect, path }: Place): AwsError {
  const code = dialect === 'query' ? 'ValidationError' : 'SerializationException';
  return new AwsError(code, path === '' ? message : `${message} at '${path}'`);
}
