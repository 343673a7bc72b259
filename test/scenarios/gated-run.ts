import type { AwsError } from '../../region/service.ts';
import { commands } from '../../shared/aws/commands.ts';
import { groups } from '../../shared/aws/groups.ts';
import { parameters } from '../../shared/aws/parameters.ts';
import { targets } from '../../shared/aws/targets.ts';
import type { Engine } from '../../shared/control/engine.ts';

/** One invocation of a function, which can be held before any of its calls of AWS, or killed there. */
export interface Run {
  name: string;
  /** The operations that it has called until now, held ones included. */
  calls: string[];
  /** From its call of this number on, the first being 1, all are held. */
  holdAt: number;
  held: (() => void)[];
  /** The number of its last call: neither that one nor any other is answered. `effect`: it still does its work. */
  dies: { at: number; effect: boolean } | null;
  isDead: boolean;
  isEnded: boolean;
  error: unknown;
}

/** Does a call of AWS at once; throws AwsError. */
export type Operate = (service: string, operation: string, input: object) => unknown;

/** Hears of each call that has taken effect. */
export type Called = (
  run: string,
  operation: string,
  input: Record<string, unknown>,
  answer: unknown,
) => void;

export function createRun(name: string, { holdAt, dies }: Partial<Pick<Run, 'holdAt' | 'dies'>>): Run {
  return {
    ...{ name, calls: [], holdAt: holdAt ?? Number.POSITIVE_INFINITY, held: [], dies: dies ?? null },
    ...{ isDead: false, isEnded: false, error: null },
  };
}

/** An engine whose every call of AWS passes the run's gate and then a millisecond, with neither wire nor SDK client. */
export function gated(engine: Engine, run: Run, operate: Operate, called: Called): Engine {
  const send = async (service: string, command: SentCommand) => {
    const operation = command.constructor.name.replace(/Command$/, '');
    const number = run.calls.push(operation);
    if (number >= run.holdAt) await new Promise<void>((resolve) => run.held.push(resolve));
    await engine.clock.sleep(1);
    const isLast = run.dies?.at === number;
    if (run.isDead || (isLast && run.dies?.effect === false)) return die(run);
    if (isLast) run.isDead = true;
    const answer = await answerOf(() => operate(service, operation, command.input));
    called(run.name, operation, command.input, answer);
    return isLast ? die(run) : answer;
  };
  const client = (service: string) => ({ send: (command: SentCommand) => send(service, command) }) as never;
  return {
    ...engine,
    aws: {
      groups: groups(client('autoscaling'), 'shoal:fleet'),
      parameters: parameters(client('ssm')),
      commands: commands(client('ssm'), { name: 'shoal-apply', sha256: '' }),
      targets: targets(client('elbv2')),
      invoke: async (functionName) => {
        throw new Error(`no run of one fleet invokes ${functionName}`);
      },
      // Nothing that a run does rests on it.
      notify: async () => [],
    },
  };
}

interface SentCommand {
  constructor: { name: string };
  input: Record<string, unknown>;
}

/** As of a process that has been killed: nobody is left to hear an answer. */
function die(run: Run): Promise<never> {
  run.isDead = true;
  return new Promise(() => {});
}

/** As the SDK throws it: the code on the wire is the error's name. */
async function answerOf(operate: () => unknown): Promise<unknown> {
  try {
    return (await operate()) ?? {};
  } catch (error) {
    throw Object.assign(error as AwsError, { name: (error as AwsError).code });
  }
}
