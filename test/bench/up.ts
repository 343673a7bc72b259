import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Figure, median, timed } from './figure.ts';

const port = '4612';

/** `region up` to its return, when both instances are healthy and their configuration is live. */
export async function up(): Promise<Figure[]> {
  const cli = join(import.meta.dirname, '../../region/cli.ts');
  const region = (command: string) => promisify(execFile)(process.execPath, [cli, command, '--port', port]);
  const seconds: number[] = [];
  try {
    for (let round = 0; round < 3; round++) {
      seconds.push((await timed(() => region('up'))) / 1000);
      await region('down');
    }
  } finally {
    await region('down');
  }
  const how = `3 times: ${seconds.map((it) => it.toFixed(1)).join(', ')}`;
  return [{ what: 'region up, to its return', unit: 's', target: 15, measured: median(seconds), how }];
}
