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
  const reading: Reading = { dialect, problems: [] };
  const input = readStructure(schema, raw, '', limits, reading);
  if (reading.problems.length > 0) {
    const count = reading.problems.length;
    const list = reading.problems.join('; ');
    throw new AwsError(
      dialect === 'query' ? 'ValidationError' : 'ValidationException',
      `${count} validation error${count > 1 ? 's' : ''} detected: ${list}`,
    );
  }
  return input;
}

interface Reading {
  dialect: Dialect;
  problems: string[];
}

function readStructure(
  schema: NormalizedSchema,
  raw: unknown,
  path: string,
  accepted: Members | undefined,
  reading: Reading,
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const rest: Record<string, unknown> = { ...asObject(raw, 'a structure', path, reading) };
  const required = requiredMembers(schema);
  for (const [name, member] of schema.isUnitSchema() ? [] : schema.structIterator()) {
    const at = path + name.charAt(0).toLowerCase() + name.slice(1);
    const given = rest[name];
    delete rest[name];
    if (given === undefined || given === null) {
      if (required.has(name)) reading.problems.push(problem(null, at, 'Member must not be null'));
      continue;
    }
    if (accepted && !accepted[name]) {
      reading.problems.push(problem(given, at, 'Member is not supported in this region'));
      continue;
    }
    value[name] = readValue(member, given, at, accepted?.[name] ?? {}, reading);
  }
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw malformed(`Unexpected member '${unknown}'`, path, reading);
  return value;
}

function readValue(
  schema: NormalizedSchema,
  raw: unknown,
  path: string,
  rule: Rule,
  reading: Reading,
): unknown {
  if (schema.isStructSchema()) return readStructure(schema, raw, `${path}.`, rule.members, reading);
  if (schema.isListSchema()) {
    const list = entriesOf(raw, path, reading).map((entry, index) =>
      readValue(schema.getValueSchema(), entry, `${path}.${index + 1}.member`, rule.each ?? {}, reading),
    );
    check(list.length, list, path, rule, 'length', reading);
    return list;
  }
  if (schema.isMapSchema()) {
    // No operation of the region takes a map in a query, where it would be spelled entry.1.key.
    const pairs = Object.entries(asObject(raw, 'a map', path, reading)).map(([key, entry]) => [
      key,
      readValue(schema.getValueSchema(), entry, `${path}.${key}.member`, rule.each ?? {}, reading),
    ]);
    return Object.fromEntries(pairs);
  }
  return readSimple(schema, raw, path, rule, reading);
}

function readSimple(
  schema: NormalizedSchema,
  raw: unknown,
  path: string,
  rule: Rule,
  reading: Reading,
): unknown {
  const traits = schema.getMergedTraits();
  const text =
    typeof raw === 'string' &&
    Boolean(reading.dialect === 'query' || traits.httpQuery || traits.httpHeader || traits.httpLabel);
  if (schema.isNumericSchema() || schema.isBigIntegerSchema()) {
    const value = text && raw !== '' ? Number(raw) : raw;
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw mistyped(raw, 'a number', path, reading);
    }
    check(value, value, path, rule, 'value', reading);
    return value;
  }
  if (schema.isBooleanSchema()) {
    const value = text ? { true: true, false: false }[raw as string] : raw;
    if (typeof value !== 'boolean') {
      throw mistyped(raw, 'a Boolean', path, reading);
    }
    return value;
  }
  if (schema.isTimestampSchema()) {
    const date = new Date(typeof raw === 'number' ? raw * 1000 : String(raw));
    if (Number.isNaN(date.getTime())) throw mistyped(raw, 'a timestamp', path, reading);
    return date;
  }
  if (schema.isBlobSchema()) return raw instanceof Uint8Array ? raw : Buffer.from(String(raw), 'base64');
  if (schema.isDocumentSchema()) return raw;
  if (typeof raw !== 'string') throw mistyped(raw, 'a String', path, reading);
  check(raw.length, raw, path, rule, 'length', reading);
  if (rule.pattern && !rule.pattern.test(raw)) {
    const source = rule.pattern.source.replaceAll('\\/', '/');
    reading.problems.push(problem(raw, path, `Member must satisfy regular expression pattern: ${source}`));
  }
  if (rule.values && !rule.values.includes(raw)) {
    const set = `[${rule.values.join(', ')}]`;
    reading.problems.push(problem(raw, path, `Member must satisfy enum value set: ${set}`));
  }
  return raw;
}

function check(
  measure: number,
  shown: unknown,
  path: string,
  rule: Rule,
  word: 'length' | 'value',
  reading: Reading,
): void {
  if (rule.min !== undefined && measure < rule.min) {
    reading.problems.push(
      problem(shown, path, `Member must have ${word} greater than or equal to ${rule.min}`),
    );
  }
  if (rule.max !== undefined && measure > rule.max) {
    reading.problems.push(problem(shown, path, `Member must have ${word} less than or equal to ${rule.max}`));
  }
}

function entriesOf(raw: unknown, path: string, reading: Reading): unknown[] {
  if (reading.dialect !== 'query') {
    if (!Array.isArray(raw)) throw mistyped(raw, 'a list', path, reading);
    return raw;
  }
  if (raw === '') return []; // How a query spells an empty list.
  const numbered = (raw as { member?: unknown }).member;
  if (numbered === null || typeof numbered !== 'object') {
    throw malformed('Expected member.1, member.2, …', path, reading);
  }
  return Object.entries(numbered)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, entry]) => entry);
}

function asObject(raw: unknown, what: string, path: string, reading: Reading): object {
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) throw mistyped(raw, what, path, reading);
  return raw;
}

/** The first members of a structure's schema are the required ones; the schema says how many. */
function requiredMembers(schema: NormalizedSchema): Set<string> {
  const structure = schema.getSchema();
  if (!Array.isArray(structure)) return new Set();
  return new Set((structure[4] as string[] | undefined)?.slice(0, Number(structure[6] ?? 0)));
}

function problem(value: unknown, path: string, constraint: string): string {
  const shown = Array.isArray(value) ? `'[${value.join(', ')}]'` : value === null ? 'null' : `'${value}'`;
  return `Value ${shown} at '${path}' failed to satisfy constraint: ${constraint}`;
}

function malformed(message: string, path: string, { dialect }: Reading): AwsError {
  const where = path.replace(/\.$/, '');
  return new AwsError(
    dialect === 'query' ? 'ValidationError' : 'SerializationException',
    where === '' ? message : `${message} at '${where}'`,
  );
}

function mistyped(raw: unknown, wanted: string, path: string, reading: Reading): AwsError {
  const type = raw === null ? 'NULL' : Array.isArray(raw) ? 'LIST' : (typeof raw).toUpperCase();
  return malformed(`${type}_VALUE can not be converted to ${wanted}`, path, reading);
}
