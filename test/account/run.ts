/**
 * `npm run test:account`: the contract's rows and the scenarios against a real account. All that it makes has the name of
 * a stage made up for this run, and is removed in the end, whatever came of it. docs/account.md has the rest.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findPlace, newStage, type Place } from './place.ts';
import { makeStage, removeStage } from './stage.ts';

const usage = `REMOTE=1 ACCOUNT=... [VPC_ID=... SUBNET_IDS=...] npm run test:account
  [-- SUITE...]             contract, fleet; both when none is named
  [-- --param NAME=VALUE]   of infra/fleet.yml, as often as the VPC needs it
  [-- --remove STAGE]       what a run that was killed has left

It costs money: docs/account.md says what it makes, and removes in the end.
`;
const root = join(import.meta.dirname, '../..');
const started = Date.now();
const say = (line: string) => {
  const seconds = Math.round((Date.now() - started) / 1000);
  process.stderr.write(`${String(seconds).padStart(5)} s  ${line}\n`);
};

// Whoever listened may have gone; what is made has to be removed all the same.
process.stderr.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  if (process.env.REMOTE !== '1') {
    say(`skipped: a real account does what the local region does\n${usage}`);
    return 0;
  }
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { remove: { type: 'string' }, param: { type: 'string', multiple: true } },
      allowPositionals: true,
    });
    const place = await findPlace(process.env, values.remove ?? newStage(), values.param ?? []);
    const interruption = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        say(`${signal}: what stage ${place.stage} has made is removed first`);
        interruption.abort(new Error('interrupted'));
      });
    say(`stage ${place.stage} in account ${place.account}, ${place.region}`);
    const passed = values.remove !== undefined || (await tryStage(place, positionals, interruption.signal));
    return (await clear(place)) && passed ? 0 : 1;
  } catch (error) {
    say(`${(error as Error).message}\n${usage}`);
    return 2;
  }
}

async function tryStage(place: Place, suites: string[], signal: AbortSignal): Promise<boolean> {
  try {
    say(place.network ? 'making an operator and a fleet' : 'making an operator; a fleet needs VPC_ID');
    await makeStage(place, signal);
    return await runSuites(place, suites, signal);
  } catch (error) {
    say((error as Error).message);
    return false;
  }
}

/** Removes everything and says what is left, if it must. */
async function clear(place: Place): Promise<boolean> {
  say(`removing stage ${place.stage}`);
  const left = await removeStage(place);
  for (const line of left) say(`left: ${line}`);
  if (left.length > 0) say(`npm run test:account -- --remove ${place.stage} tries again`);
  return left.length === 0;
}

async function runSuites(place: Place, suites: string[], signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const words = [vitest, 'run', '--config', join(import.meta.dirname, 'vitest.config.ts'), ...suites];
  const env = { ...process.env, AWS_REGION: place.region, SHOAL_PLACE: JSON.stringify(place) };
  const child = spawn(process.execPath, words, { cwd: root, env, stdio: 'inherit' });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  return code === 0;
}
