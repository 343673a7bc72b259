import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { functionLogFile, runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';

const pollMs = 200;
const names = ['shoal-admit', 'shoal-drain', 'shoal-reconcile', 'shoal-notifications'];

/** `admit` stands for `shoal-admit` too. */
const isNamed = (name: string, wanted: string) => name === wanted || name.endsWith(`-${wanted}`);

/** Prints what functions logged and the topic was told, of one or of all; with --follow until it is interrupted. */
export async function logs({ port, options, words: [wanted] }: CommandInput): Promise<number> {
  const { directory } = runningRegion(port);
  if (wanted !== undefined && !names.some((name) => isNamed(name, wanted)))
    throw new Error(`no log ${wanted}: there are ${names.join(', ')}`);
  let file: number;
  try {
    file = openSync(functionLogFile(directory), 'r');
  } catch {
    process.stderr.write('no function has run yet\n');
    return 0;
  }
  let offset = 0;
  let partial = Buffer.alloc(0);
  do {
    const { size } = fstatSync(file);
    if (size < offset) offset = 0; // The region has started the file over.
    const chunk = Buffer.alloc(size - offset);
    offset += readSync(file, chunk, 0, chunk.length, offset);
    const bytes = Buffer.concat([partial, chunk]);
    const end = bytes.lastIndexOf('\n') + 1;
    partial = bytes.subarray(end);
    print(bytes.toString('utf8', 0, end), wanted);
    if (options.follow) await new Promise((resolve) => setTimeout(resolve, pollMs));
  } while (options.follow);
  closeSync(file);
  return 0;
}

function print(text: string, wanted: string | undefined): void {
  for (const entry of text.split('\n').filter(Boolean)) {
    const { at, function: name, line } = JSON.parse(entry) as { at: string; function: string; line: string };
    if (wanted !== undefined && !isNamed(name, wanted)) continue;
    process.stdout.write(`${at.slice(11, 23)} ${wanted === undefined ? `${name} ` : ''}${readable(line)}\n`);
  }
}

/** Of a structured line its message, and what went wrong; of a metric its values; any other line as it is. */
export function readable(line: string): string {
  try {
    const parsed = JSON.parse(line);
    if (parsed._aws !== undefined) return readableMetric(parsed);
    const { level, message, error } = parsed;
    if (typeof message !== 'string') return line;
    return `${level === 'INFO' ? '' : `${level} `}${message}${error?.message ? `: ${error.message}` : ''}`;
  } catch {
    return line;
  }
}

/** CloudWatch's embedded metric format. Its dimension `service` is the same on all lines, and left out. */
function readableMetric(line: EmbeddedMetrics): string {
  const sets = line._aws.CloudWatchMetrics;
  const values = sets.flatMap(({ Metrics }) => Metrics.map(({ Name }) => `${Name} ${line[Name]}`));
  const names = new Set(sets.flatMap(({ Dimensions }) => Dimensions.flat()));
  names.delete('service');
  return ['metric', ...values, ...[...names].map((name) => `${name}=${line[name]}`)].join(' ');
}

interface EmbeddedMetrics {
  _aws: { CloudWatchMetrics: { Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  [member: string]: unknown;
}
