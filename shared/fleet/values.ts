import { mergeNetworks, readNetwork } from './cidr.ts';
import { privateDestinationProblem } from './destinations.ts';
import { mergeDomains, readDomain } from './domains.ts';
import { shown } from './plain.ts';

/**
 * Reads one parameter's value, already trimmed. Says every problem it finds and returns what it could read; the
 * result is used only if nothing was said. No value that is read without a problem holds a quote, a backslash
 * or a control character.
 */
export type Reader<T> = (text: string, problem: (what: string) => void) => T;

/** Exactly one of some words. */
export function choice<T extends string>(...words: T[]): Reader<T> {
  return (text, problem) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined)
      problem(`${shown(text)} isn't taken: expected ${words.join(' or ')}, without quotes`);
    return word ?? words[0]!;
  };
}

/** Client networks. IPv4 alone; `none` for no client at all. */
export const clientNetworks: Reader<string[]> = (text, problem) =>
  readList(text, 'none', problem, (item) => {
    const reading = readNetwork(item);
    if ('problem' in reading) return reading;
    if (reading.version === 4) return { value: reading.network };
    const why =
      'the balancer shows IPv6 clients to Squid under its own address, so that no IPv6 network can match';
    return { problem: `${shown(item)} is IPv6: expected IPv4 networks, since ${why}` };
  });

/** Networks inside private, shared or unique-local space; `none` for none. */
export const privateNetworks: Reader<string[]> = (text, problem) =>
  mergeNetworks(
    readList(text, 'none', problem, (item) => {
      const reading = readNetwork(item);
      if ('problem' in reading) return reading;
      const why = privateDestinationProblem(reading.network);
      return why === null ? { value: reading.network } : { problem: why };
    }),
  );

/** Destination domains; `any` (on its own) for all. */
export const domains: Reader<string[] | 'any'> = (text, problem) => {
  if (text === 'any') return 'any';
  return mergeDomains(
    readList(text, null, problem, (item) => {
      const reading = readDomain(item);
      return 'domain' in reading ? { value: reading.domain } : reading;
    }),
  );
};

export const ports: Reader<number[]> = (text, problem) => {
  const read = readList(text, null, problem, (item) => {
    const port = portNumber(item);
    return port === null ? { problem: `${shown(item)} is no port: expected 1 to 65535` } : { value: port };
  });
  return [...new Set(read)].sort((a, b) => a - b);
};

/** The proxy's own port: not one that the host's other services use. */
export const proxyPort: Reader<number> = (text, problem) => {
  const port = portNumber(text);
  if (port !== null && (port >= 1024 || port === 80 || port === 443)) return port;
  problem(`${shown(text)} can't be the proxy's port: expected 80, 443 or a number from 1024 to 65535`);
  return 0;
};

/** The form is a contract with the host script, which takes nothing else. */
export const probeUrl: Reader<string | null> = (text, problem) => {
  if (text === 'none') return null;
  const form = /^https?:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?(\/[A-Za-z0-9._~/-]*)?$/;
  if (form.test(text) && text.length <= 512 && URL.canParse(text)) return text;
  const expected = 'expected http:// or https://, a host, and at most a port and a plain path (no query)';
  problem(`${shown(text)} isn't taken: ${expected}, like https://s3.eu-west-1.amazonaws.com/`);
  return null;
};

export const targetGroupArn: Reader<string> = (text, problem) => {
  const form =
    /^arn:aws(-[a-z]+)*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup\/[A-Za-z0-9-]{1,32}\/[0-9a-f]{16}$/;
  if (!form.test(text)) {
    const expected = 'arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID';
    problem(`${shown(text)} is no target group: expected ${expected}`);
  }
  return text;
};

/** Reads items that commas, blanks or newlines separate. `word`, on its own, stands for an empty list. */
function readList<T>(
  text: string,
  word: string | null,
  problem: (what: string) => void,
  read: (item: string) => { value: T } | { problem: string },
): T[] {
  if (text === word) return [];
  const items = text.split(/[\s,]+/).filter((item) => item !== '');
  if (items.length === 0) problem(`holds no entry: expected some${word ? `, or the word ${word}` : ''}`);
  const values: T[] = [];
  for (const item of items) {
    const result = /["'`]/.test(item)
      ? { problem: `${shown(item)} has quotes: write it without them` }
      : read(item);
    if ('value' in result) values.push(result.value);
    else problem(result.problem);
  }
  return values;
}

function portNumber(text: string): number | null {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : null;
}
