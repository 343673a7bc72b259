import { isIP } from 'node:net';
import { nearest } from './nearest.ts';
import { shown } from './plain.ts';
import type { Reader } from './values.ts';

interface Shape {
  form: RegExp;
  expected: string;
}

const time: Shape = {
  form: /^[1-9][0-9]{0,5} (second|minute|hour|day|week)s?$/,
  expected: 'a time with its unit, like 30 seconds',
};
/** At 512 KB Squid's request buffer is full, and it dies of a header that may be larger. */
const size: Shape = { form: /^([1-9][0-9]?|[1-4][0-9]{2}) KB$/, expected: 'a size like 64 KB, up to 499 KB' };

/**
 * What is taken, by name: a list of forbidden names would leak, since `acl` adds to an ACL of that name and
 * `follow_x_forwarded_for` lets a client choose its address.
 */
const shapes: Record<string, Shape> = {
  connect_timeout: time,
  forward_timeout: time,
  read_timeout: time,
  request_timeout: time,
  pconn_timeout: time,
  client_idle_pconn_timeout: time,
  client_lifetime: time,
  dns_timeout: time,
  positive_dns_ttl: time,
  negative_dns_ttl: time,
  dns_retransmit_interval: {
    form: /^[1-9][0-9]{0,5} (millisecond|second|minute)s?$/,
    expected: 'a time with its unit, like 5 seconds',
  },
  shutdown_lifetime: { form: /^[0-9]{1,3} seconds?$/, expected: 'up to 999 seconds, like 2 seconds' },
  half_closed_clients: { form: /^(on|off)$/, expected: 'on or off' },
  dns_nameservers: { form: /^[0-9a-fA-F.:]+( [0-9a-fA-F.:]+){0,7}$/, expected: 'addresses, like 10.0.0.2' },
  max_filedescriptors: { form: /^[1-9][0-9]{3,5}$/, expected: 'a number from 1000 to 999999' },
  request_header_max_size: size,
  reply_header_max_size: size,
  visible_hostname: { form: /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, expected: 'a host name' },
  logformat: { form: /^[A-Za-z][A-Za-z0-9_]* [^$]*%[^$]*$/, expected: 'a name and a format with %codes' },
  access_log: {
    form: /^stdio:(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+( [A-Za-z][A-Za-z0-9_]*)?$/,
    expected: 'stdio:/ABSOLUTE/PATH and at most the name of a format',
  },
};

const ownFormats = ['squid', 'common', 'combined', 'referrer', 'useragent', 'icap_squid', 'shoal'];

/** Reads squid.conf lines for tuning, one a line; `none` for none. Formats come before the logs that use them. */
export const extraDirectives: Reader<string[]> = (text, problem) => {
  if (text === 'none') return [];
  const directives: string[] = [];
  for (const line of text.split(/\r?\n/).map((typed) => typed.trim().replace(/[ \t]+/g, ' '))) {
    if (line === '' || line.startsWith('#')) continue;
    const wrong = directiveProblem(line, directives);
    if (wrong !== null) problem(wrong);
    else directives.push(line);
  }
  const formats = directives.filter((line) => line.startsWith('logformat '));
  const known = [...ownFormats, ...formats.map((line) => line.split(' ')[1])];
  for (const line of directives.filter((directive) => directive.startsWith('access_log '))) {
    const format = line.split(' ')[2];
    if (format !== undefined && !known.includes(format)) {
      problem(`${shown(line)} names no known format: expected one of ${known.join(', ')}`);
    }
  }
  return [...formats, ...directives.filter((line) => !line.startsWith('logformat '))];
};

function directiveProblem(line: string, before: string[]): string | null {
  const name = line.split(' ', 1)[0] ?? '';
  const value = line.slice(name.length + 1);
  const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
  if (shape === undefined) {
    const names = Object.keys(shapes);
    const near = nearest(name, names);
    return `${shown(name)} isn't taken: expected ${near ? `${near}, or another ` : 'one '}of ${names.join(', ')}`;
  }
  // A backslash at the end would join the next line to this one, and a quote would open a file of values.
  if (/[^ -~]|["'`\\]/.test(line)) {
    return `${shown(line)} has a quote, a backslash or a character that isn't plain ASCII: none is taken`;
  }
  const addressesWrong =
    name === 'dns_nameservers' && value.split(' ').some((address) => isIP(address) === 0);
  if (!shape.form.test(value) || addressesWrong) {
    return `${shown(line)} has another value than ${name} takes: expected ${shape.expected}`;
  }
  if (name === 'logformat' && ownFormats.includes(value.split(' ', 1)[0] ?? '')) {
    return `${shown(line)} defines a format that exists already: expected another name`;
  }
  const key = name === 'logformat' ? `logformat ${value.split(' ', 1)[0]} ` : `${name} `;
  const isRepeated =
    name === 'access_log' ? before.includes(line) : before.some((other) => other.startsWith(key));
  return isRepeated ? `${shown(line)} is there twice: expected ${name} once` : null;
}
