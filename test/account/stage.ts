import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SSMClient } from '@aws-sdk/client-ssm';
import { parameters } from '../../shared/aws/parameters.ts';
import { control, type Place } from './place.ts';
import { stacks } from './stacks.ts';

const root = join(import.meta.dirname, '../..');

/** Makes a run's operator, and with a network its fleet and what the contract's rows are called on. */
export async function makeStage(place: Place, signal: AbortSignal): Promise<void> {
  const { prefix, network } = place;
  // Whatever came of an operator half made, it can be removed only when this has ended.
  await deployOperator(place);
  signal.throwIfAborted();
  if (network === undefined) return;
  const { create } = stacks(place);
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  await create('-contract', read('test/region/contract.yml'), { Prefix: prefix, ...network }, signal);
  const fleet = {
    ...{ FleetName: 'demo', Prefix: prefix, ...network, ClientCidrs: '10.0.0.0/8', S3EndpointId: 'none' },
    ...{ MinSize: '0', MaxSize: '4', DesiredCapacity: '2', ScaleBy: 'none' },
    DeregistrationDelay: place.localEndpoint ? '1' : '30',
    // Where one is to be made, none is there.
    ...(place.fleet.RouteTableIds && { S3EndpointId: '' }),
    ...place.fleet,
  };
  await create('-demo', read('infra/fleet.yml'), fleet, signal);
}

/**
 * Removes all that has the stage's name, whichever of it is there.
 *
 * @returns What could not be removed, each with its reason.
 */
export async function removeStage(place: Place): Promise<string[]> {
  const left: string[] = [];
  const trying = (what: string, work: Promise<unknown>) =>
    work.catch((error: Error) => void left.push(`${what}: ${error.message}`));
  const { remove } = stacks(place);
  // The operator drains the fleet's instances, so it goes after them.
  await Promise.all(
    ['-demo', '-contract', '-made'].map((name) => trying(`stack ${place.prefix}${name}`, remove(name))),
  );
  await trying(`operator ${place.prefix}`, removeOperator(place));
  await trying(`parameters of ${place.prefix}`, removeParameters(place));
  return left;
}

async function deployOperator(place: Place): Promise<void> {
  await inCopy(async (directory) => {
    if (place.localEndpoint === undefined) return await osls(directory, 'deploy', place);
    await osls(directory, 'package', place);
    const answer = await control(place.localEndpoint, 'deploy', [directory]);
    if (!answer.ok) throw new Error(await answer.text());
  });
}

async function removeOperator(place: Place): Promise<void> {
  const { exists, remove } = stacks(place);
  if (place.localEndpoint !== undefined) return await remove('');
  if (await exists('')) await inCopy((directory) => osls(directory, 'remove', place));
}

/** osls empties the .serverless of the folder that it works in. */
async function inCopy(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-account-'));
  try {
    for (const part of ['build', 'docs', 'infra', 'serverless.yml'])
      cpSync(join(root, part), join(directory, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** In a session of its own, so that an interrupt at the terminal doesn't end it half-way. */
async function osls(cwd: string, verb: string, { stage, region }: Place): Promise<void> {
  const program = join(root, 'node_modules/osls/bin/serverless.js');
  const env = { ...process.env, SLS_NOTIFICATIONS_MODE: 'off', SLS_TELEMETRY_DISABLED: '1' };
  const words = [program, verb, '--stage', stage, '--region', region];
  const child = spawn(process.execPath, words, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (code !== 0) throw new Error(`osls ${verb} failed:\n${said}`);
}

/** Parameter Store forgets none of them by itself. */
async function removeParameters({ prefix, region }: Place): Promise<void> {
  const store = parameters(new SSMClient({ region }));
  for (const path of [`/${prefix}/`, `/${prefix}-state/`]) {
    const names = (await store.below(path)).map(({ name }) => path + name);
    if (names.length > 0) await store.delete(names);
  }
}
