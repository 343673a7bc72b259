import type { NormalizedSchema } from '@smithy/core/schema';

/**
 * Writes an operation's output as its schema says. A member that the schema doesn't know throws: it is a
 * mistake of the region's, and no client would ever see it.
 */
export function toJson(schema: NormalizedSchema, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  if (schema.isStructSchema()) {
    const members = structure(schema, value).map(([name, member, entry]) => [name, toJson(member, entry)]);
    return Object.fromEntries(members);
  }
  if (schema.isListSchema()) {
    return (value as unknown[]).map((entry) => toJson(schema.getValueSchema(), entry));
  }
  if (schema.isMapSchema()) {
    const pairs = Object.entries(value).map(([key, entry]) => [key, toJson(schema.getValueSchema(), entry)]);
    return Object.fromEntries(pairs);
  }
  if (schema.isTimestampSchema()) {
    const date = value as Date;
    return schema.getSchema() === 5 ? date.toISOString() : date.getTime() / 1000;
  }
  if (schema.isBlobSchema()) return Buffer.from(value as Uint8Array).toString('base64');
  return value;
}

/** The XML inside an element; lists have `member` elements. No query operation here answers with a map. */
export function toXml(schema: NormalizedSchema, value: unknown): string {
  if (schema.isStructSchema()) {
    return structure(schema, value)
      .map(([name, member, entry]) => element(name, toXml(member, entry)))
      .join('');
  }
  if (schema.isListSchema()) {
    return (value as unknown[])
      .map((entry) => element('member', toXml(schema.getValueSchema(), entry)))
      .join('');
  }
  if (schema.isTimestampSchema()) return (value as Date).toISOString();
  return escapeXml(String(value));
}

function structure(schema: NormalizedSchema, value: unknown): [string, NormalizedSchema, unknown][] {
  const rest = { ...(value as Record<string, unknown>) };
  const members: [string, NormalizedSchema, unknown][] = [];
  for (const [name, member] of schema.structIterator()) {
    if (rest[name] !== undefined && rest[name] !== null) members.push([name, member, rest[name]]);
    delete rest[name];
  }
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw new Error(`${schema.getName()} has no member ${unknown}`);
  return members;
}

const element = (name: string, inner: string): string => `<${name}>${inner}</${name}>`;

// Line ends are written as references: an XML reader turns a raw carriage return into a line feed.
export const escapeXml = (text: string): string =>
  text.replace(/[&<>"\r]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? '&#13;');
