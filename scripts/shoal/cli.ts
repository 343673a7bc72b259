/** `npm run shoal`: the operator at a terminal. It judges nothing itself: what the operator answers decides. */
import { parseArgs } from 'node:util';
import { defaultPort } from '../../region/state.ts';
import { plain } from '../../shared/fleet/plain.ts';
import { regionOf } from '../region-of.ts';
import { commands } from './commands.ts';
import { deadLetters } from './dead-letters.ts';
import { letterQueue } from './letter-queue.ts';
import { connect, type Operator } from './operator.ts';
import type { Choice } from './terminal.ts';

const usage = `What a fleet is doing, what it would do, and having it done.

  npm run shoal -- status   [FLEET]
  npm run shoal -- plan     [FLEET] [--set NAME=VALUE]...
                            what would happen, by waves, with the diff; --set
                            tries an edit that is not made yet, NAME= a deletion
  npm run shoal -- apply    [FLEET] [--force] [--yes]
                            has the parameters rolled out now, also what was
                            rejected; --force lifts the guards
  npm run shoal -- rollback [FLEET] [--to SHA256] [--yes]
                            back to what was live before
  npm run shoal -- dead-letters [list]
                            events that were given up, each with its error
  npm run shoal -- dead-letters redrive [ID]...
                            hands them, or these, to their functions again
  npm run shoal -- dead-letters drop ID... | --all [--yes]

A FLEET is needed where there are several. apply and rollback show what would
happen, ask, and follow it to its end; --yes goes on without asking.

  --stage NAME    another stage than prod
  --region NAME   another region than the AWS configuration's
  --local         the region of npm run region, on --port N if not ${defaultPort}
  --json          the answer as JSON, all else on standard error

Exit status: 0 all is well, 1 it is not, 2 that could not be found out.
`;

const common = {
  stage: { type: 'string' },
  region: { type: 'string' },
  local: { type: 'boolean' },
  port: { type: 'string' },
  json: { type: 'boolean' },
} as const;

process.exitCode = await main(process.argv.slice(2));

async function main([name = '', ...words]: string[]): Promise<number> {
  if (['help', '--help', '-h'].includes(name) || words.some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(usage);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command && name !== 'dead-letters') {
    process.stderr.write(`${name === '' ? '' : `there is no command ${name}\n\n`}${usage}`);
    return 2;
  }
  try {
    const own = command?.options ?? ({ all: { type: 'boolean' }, yes: { type: 'boolean' } } as const);
    const options = { ...common, ...own };
    const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
    const choice = values as Choice;
    if (!command) return await deadLetters(letterQueue(await placeOf(values)), positionals, choice);
    const [fleet, ...others] = positionals;
    if (others.length > 0) throw new Error(`one fleet at a time, not ${positionals.join(' and ')}`);
    const operator = connect(await placeOf(values));
    return await command.run(operator, await choose(operator, fleet), choice);
  } catch (error) {
    process.stderr.write(`shoal ${name}: ${plain((error as Error).message)}\n`);
    return 2;
  }
}

async function placeOf({
  stage = 'prod',
  region,
  local,
  port,
}: Partial<Record<keyof typeof common, unknown>>) {
  const number = Number(port ?? defaultPort);
  if (!Number.isInteger(number) || number < 1 || number > 65535) throw new Error(`${port} is no port`);
  return {
    prefix: stage === 'prod' ? 'shoal' : `shoal-${stage}`,
    ...(local || port !== undefined
      ? { port: number }
      : { region: await regionOf(region as string | undefined) }),
  };
}

/** The fleet that is meant. A named one is taken as it is where the fleets may not be listed. */
async function choose(operator: Operator, named: string | undefined): Promise<string> {
  const fleets = await operator.fleets();
  if (fleets === null) {
    if (named !== undefined) return named;
    throw new Error('name the fleet: listing them needs autoscaling:DescribeAutoScalingGroups');
  }
  const [only] = fleets;
  if (only === undefined) throw new Error('there is no fleet here: --stage and --region say where to look');
  const there = `there ${fleets.length === 1 ? 'is' : 'are'} ${fleets.join(', ')}`;
  if (named !== undefined && !fleets.includes(named)) throw new Error(`there is no fleet ${named}: ${there}`);
  if (named === undefined && fleets.length > 1) throw new Error(`which fleet? ${there}`);
  return named ?? only;
}
