import { spawnSync } from 'node:child_process';
import { bundles } from './bundle.ts';
import { type Figure, median } from './figure.ts';

const rounds = 15;

/**
 * What a cold start costs, in processor time: a Node that loads a bundle, as Lambda's runtime does, against
 * one that does nothing. Processor time and not the clock's, since the clock's depends on the neighbours.
 */
export function start(): Figure[] {
  const bare: number[] = [];
  const loaded = bundles.map(({ name, file }) => ({ name, file, times: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    bare.push(processorMs('0'));
    for (const { file, times } of loaded) times.push(processorMs(`require(${JSON.stringify(file)})`));
  }
  return loaded.map(({ name, times }) => ({
    what: `processor time of ${name} until it is ready, by bare Node's`,
    unit: '×',
    target: 2.5,
    measured: median(times) / median(bare),
    how: `${rounds} rounds in turn; ${median(times).toFixed(0)} ms and ${median(bare).toFixed(0)} ms`,
  }));
}

/** User and system time of a Node with Lambda's environment and nothing of this machine's. */
function processorMs(code: string): number {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: '/home/sbx_user1051',
    TZ: ':UTC',
    AWS_REGION: 'ap-northeast-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'shoal-admit',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  };
  // The shell's own time keeping has milliseconds, where /usr/bin/time has hundredths of a second.
  const script = 'TIMEFORMAT="%U %S"; time "$0" -e "$1"';
  const { status, stderr } = spawnSync('bash', ['-c', script, process.execPath, code], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a bundle does not load: ${stderr}`);
  const [user, system] = stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  return ((user ?? Number.NaN) + (system ?? Number.NaN)) * 1000;
}
