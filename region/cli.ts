import { parseArgs } from 'node:util';
import type { CommandInput } from './commands/command.ts';
import { defaultPort } from './state.ts';

interface Command {
  options?: Record<string, { type: 'string' | 'boolean'; short?: string }>;
  /** How many words it takes at most. */
  words?: number;
  /** Resolves to the exit status. */
  run(input: CommandInput): Promise<number>;
}

// Each is loaded when it is asked for: what one of them needs takes longer to load than most take to run.
const commands: Record<string, Command> = {
  up: {
    options: { pace: { type: 'string' }, package: { type: 'string' } },
    run: async (input) => (await import('./commands/up.ts')).up(input),
  },
  down: { run: async (input) => (await import('./commands/down.ts')).down(input) },
  status: { run: async (input) => (await import('./commands/status.ts')).status(input) },
  logs: {
    options: { follow: { type: 'boolean', short: 'f' } },
    words: 1,
    run: async (input) => (await import('./commands/logs.ts')).logs(input),
  },
  env: { run: async (input) => (await import('./commands/environment.ts')).environment(input) },
  aws: { run: async (input) => (await import('./commands/aws.ts')).aws(input) },
  shell: { words: 1, run: async (input) => (await import('./commands/shell.ts')).shell(input) },
  fault: { words: 4, run: async (input) => (await import('./commands/fault.ts')).fault(input) },
  speed: { words: 1, run: async (input) => (await import('./commands/speed.ts')).speed(input) },
  client: {
    options: { from: { type: 'string' } },
    run: async (input) => (await import('./commands/client.ts')).client(input),
  },
};

const usage = `A local AWS region with a fleet of Squid proxies in it.

  npm run region -- up [--pace real] [--port N] [--package DIR]
  npm run region -- down                 ends it and removes everything
  npm run region -- status               the fleet's instances and what is live
  npm run region -- logs [NAME] [-f]     what admit, drain and reconcile log, and
                                         what notifications the topic gets
  npm run region -- env                  exports for this shell
  npm run region -- aws ARGUMENTS        the AWS CLI against the region
  npm run region -- shell i-... [-- COMMAND...]
                                         a shell, or a command, on an instance
  npm run --silent region -- client [--from ADDRESS] -- COMMAND...
                                         runs it as an on-premises machine, of
                                         172.16.0.0/12 or 192.168.0.0/16
  npm run region -- speed real|fast      as slow as AWS, or fast again
  npm run region -- fault FAULT WHAT...  makes something go wrong, e.g.
                                         throttle SendCommand 3
  npm run region -- fault help           what can go wrong; list, clear

Every command takes --port N for a region on another port than ${defaultPort}.
`;

process.exitCode = await main(process.argv.slice(2));

async function main(words: string[]): Promise<number> {
  const [name = '', ...rest] = words;
  const command = commands[name];
  if (!command) {
    process.stderr.write(
      ['', 'help', '--help', '-h'].includes(name) ? usage : `no command ${name}\n\n${usage}`,
    );
    return name === '' || !/help|-h/.test(name) ? 2 : 0;
  }
  if (name !== 'aws' && ['--help', '-h'].includes(rest[0] ?? '')) {
    process.stdout.write(usage);
    return 0;
  }
  // npm runs scripts in the project's folder; files are meant to be those of the caller's.
  if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
  try {
    return await command.run(readInput(name, command, rest));
  } catch (error) {
    const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true;
    const help = isUsage ? '\nnpm run region -- help shows what there is' : '';
    process.stderr.write(`region ${name}: ${(error as Error).message}${help}\n`);
    return isUsage ? 2 : 1;
  }
}

function readInput(name: string, command: Command, words: string[]): CommandInput {
  // The AWS CLI has options of its own, so only a leading --port is the region's.
  const own = name === 'aws' ? leadingPort(words) : separator(words);
  const { values, positionals } = parseArgs({
    args: words.slice(0, own),
    options: { port: { type: 'string' }, ...command.options },
    allowPositionals: (command.words ?? 0) > 0,
  });
  if (positionals.length > (command.words ?? 0)) throw new Error(`what is ${positionals.at(-1)}?`);
  const port = Number(values.port ?? defaultPort);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`${values.port} is no port`);
  const behind = words.slice(own);
  return {
    port,
    options: values,
    words: positionals,
    command: behind[0] === '--' ? behind.slice(1) : behind,
  };
}

function leadingPort([first = '']: string[]): number {
  if (first === '--port') return 2;
  return first.startsWith('--port=') ? 1 : 0;
}

function separator(words: string[]): number {
  const at = words.indexOf('--');
  return at < 0 ? words.length : at;
}
