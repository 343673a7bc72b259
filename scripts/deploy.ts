/**
 * `npm run package` and `npm run deploy`: osls with the operator's settings, and in the end what was done. A
 * package lies in .serverless/, and the next command that needs one of the stage prod makes it anew.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { osls } from './osls.ts';
import { regionOf } from './region-of.ts';
import { isPackageStale } from './setup/stale.mjs';

const usage = `npm run package -- [--stage NAME] [--region NAME] [--param NAME=VALUE]...
npm run deploy  -- [--stage NAME] [--region NAME] [--param NAME=VALUE]...

docs/deploy.md has the settings and what a stage is.
`;
const root = join(import.meta.dirname, '..');
const template = 'cloudformation-template-update-stack.json';
const noRegion =
  'which region? --region NAME, or AWS_REGION, AWS_DEFAULT_REGION or the profile of AWS_PROFILE says it';
const functions = ['admit', 'drain', 'reconcile'];

process.exitCode = await main(process.argv.slice(2));

async function main([work = '', ...words]: string[]): Promise<number> {
  if (['help', '--help', '-h'].includes(words[0] ?? '')) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    const { stage = 'prod', param, ...options } = readArguments(words);
    const isDeployed = work === 'deploy';
    if (isDeployed) await refuseLocalRegion();
    const region = await regionOf(options.region);
    if (isDeployed && region === undefined) throw new Error(noRegion);
    const given = [
      ...(stage === 'prod' ? [] : [`--stage=${stage}`]),
      ...(isDeployed || options.region !== undefined ? [`--region=${region}`] : []),
      ...param.map((one) => `--param=${one}`),
    ];
    if (isDeployed) osls(root, ['deploy', ...given], { shows: true });
    else if (given.length > 0 || isPackageStale(root)) osls(root, ['package', ...given]);
    process.stdout.write(summary(work, stage, given, param, region));
    return 0;
  } catch (error) {
    const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true;
    process.stderr.write(`${work}: ${(error as Error).message}\n${isUsage ? usage : ''}`);
    return isUsage ? 2 : 1;
  }
}

function readArguments(args: string[]) {
  const { stage, region, param } = parseArgs({
    args,
    options: {
      stage: { type: 'string' },
      region: { type: 'string' },
      param: { type: 'string', multiple: true },
    },
  }).values;
  return { stage, region, param: param ?? [] };
}

/** It takes the package at its start, and no stack over the wire. */
async function refuseLocalRegion(): Promise<void> {
  const { AWS_ENDPOINT_URL_CLOUDFORMATION, AWS_ENDPOINT_URL } = process.env;
  const endpoint = AWS_ENDPOINT_URL_CLOUDFORMATION ?? AWS_ENDPOINT_URL;
  if (endpoint === undefined) return;
  const headers = { 'x-region-control': 'yes' };
  const answer = await fetch(new URL('/_region/fault', endpoint), {
    ...{ method: 'POST', headers, body: '["list"]' },
  }).catch(() => undefined);
  if (answer?.ok !== true) return;
  throw new Error(
    `${endpoint} is a local region, and takes the package when it starts:\nnpm run region -- down, then npm run region -- up`,
  );
}

interface Packaged {
  service: { provider: { stackName: string } };
}

function summary(
  work: string,
  stage: string,
  given: string[],
  param: string[],
  region = 'any region',
): string {
  const folder = join(root, '.serverless');
  const state = readFileSync(join(folder, 'serverless-state.json'), 'utf8');
  const { stackName } = (JSON.parse(state) as Packaged).service.provider;
  const zips = functions.flatMap((name) => [
    file(`${name}.zip`, folder),
    `    sha256 ${createHash('sha256')
      .update(readFileSync(join(folder, `${name}.zip`)))
      .digest('hex')}`,
  ]);
  const email = param.find((one) => one.startsWith('notification-email='))?.split('=')[1];
  const next =
    work === 'deploy'
      ? [
          ...(email === undefined ? [] : [`Confirm the subscription that AWS has mailed to ${email}.`]),
          `Deploy fleets with infra/fleet.yml, Prefix=${stackName} and --region ${region}:`,
          '  docs/fleet.md',
        ]
      : [`Deploy it with: npm run deploy ${['--', ...given].join(' ')}`.replace(/ --$/, '')];
  const done = work === 'deploy' ? 'Deployed' : 'Packaged';
  const lines = [
    `${done} stage ${stage} for ${region}: stack ${stackName}, all names begin so.`,
    `Settings: ${param.join(', ') || 'all as they are by default'}`,
    file(template, folder),
    ...zips,
    ...next,
  ];
  return `${lines.join('\n')}\n`;
}

function file(name: string, folder: string): string {
  return `  .serverless/${name}, ${Math.ceil(statSync(join(folder, name)).size / 1024)} KiB`;
}
