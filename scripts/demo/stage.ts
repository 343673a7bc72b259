import { defaultClientAddress } from '../../region/network/client.ts';
import type { Overview, ReadOverview } from '../../region/overview.ts';
import { defaultPort } from '../../region/state.ts';
import type { Decision } from './decisions.ts';
import type { Screen } from './screen.ts';
import { type Running, startShell } from './shell.ts';

export interface Setting {
  screen: Screen;
  port: number;
  signal: AbortSignal;
  /** No client can go through the hosts. */
  simulated: boolean;
  /** Reads the fleet over the wire, as anybody can. */
  overview: ReadOverview;
  /** What Shoal has decided since the last call. */
  readDecisions(): Decision[];
  /** Starts the region and returns when the stacks are deployed. */
  deploy(): Promise<void>;
}

/** A step of the story. */
export interface Step {
  name: string;
  title: string;
  text: string;
  /** It is about what a client gets from Squid, or what is done to one: it isn't shown on simulated hosts. */
  needsRealHosts?: true;
  /** Plays the step; resolves to what is proven by it. @throws NotProven */
  play(stage: Stage): Promise<string>;
}

/** What a step of the story has at hand. */
export interface Stage extends Setting {
  /** When the step began, epoch milliseconds. */
  startedAt: number;
  /** When the stacks were there, epoch milliseconds. */
  deployedAt: number;
  /** How long `until` waits. */
  patienceMs: number;
  /** What Shoal has decided in this step so far. */
  decisions: Decision[];
  /** Runs a command of the region's and returns its output. @throws NotProven when it fails. */
  region(command: string, words: string): Promise<string>;
  /** Runs the AWS CLI against the region and returns its output. @throws NotProven when it fails. */
  aws(words: string): Promise<string>;
  /** Runs a command as an on-premises machine, whether it fails or not; shows and returns what it prints. */
  client(words: string, from: string): Promise<string>;
  /** Starts a command as an on-premises machine, which goes on until its input ends. */
  startClient(words: string, from: string): Running;
  /** Runs a command of the region's, whether it fails or not, without showing it. */
  quietly(command: string, words: string): Promise<string>;
  /** Looks until the fleet is as expected, showing decisions meanwhile. @throws NotProven after the patience. */
  until(expected: string, look: (overview: Overview) => Look | Promise<Look>): Promise<Overview>;
}

export interface Look {
  met: boolean;
  seen: string;
}

/** A step that ended otherwise than it should have. */
export class NotProven extends Error {
  constructor(expected: string, seen: string) {
    super(`expected ${expected}; seen: ${seen}`);
  }
}

export function prove(expected: string, met: boolean, seen: string): void {
  if (!met) throw new NotProven(expected, seen);
}

const pollMs = 150;

export function createStage(setting: Setting): Stage {
  const { screen, port, overview, signal } = setting;
  const at = port === defaultPort ? '' : ` --port ${port}`;
  const runShell = (text: string) => {
    const running = startShell(text, signal);
    running.endInput();
    return running.ended;
  };
  const stage: Stage = {
    ...setting,
    startedAt: 0,
    deployedAt: 0,
    patienceMs: 120_000,
    decisions: [],
    async region(command, words) {
      const text = `npm run region -- ${command}${at} ${words}`;
      screen.command(text);
      const { status, output } = await runShell(text);
      prove('the command to succeed', status === 0, output);
      return output;
    },
    aws: (words) => stage.region('aws', words),
    async client(words, from) {
      const running = stage.startClient(words, from);
      running.endInput();
      const { output } = await running.ended;
      screen.output(output);
      return output;
    },
    startClient(words, from) {
      const source = from === defaultClientAddress ? '' : ` --from ${from}`;
      const text = `npm run --silent region -- client${at}${source} -- \\\n  ${words}`;
      screen.command(text);
      return startShell(text, signal);
    },
    quietly: async (command, words) =>
      (await runShell(`npm run --silent region -- ${command}${at} ${words}`)).output,
    async until(expected, look) {
      const giveUpAt = Date.now() + stage.patienceMs;
      for (;;) {
        signal.throwIfAborted();
        const found = await overview();
        showDecisions(stage);
        const { met, seen } = await look(found);
        if (met) return found;
        prove(`${expected} within ${stage.patienceMs / 1000} s`, Date.now() < giveUpAt, seen);
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },
  };
  return stage;
}

/** Shows what Shoal decided since the last look; handlers at the same work decide the same, which is said once. */
function showDecisions(stage: Stage): void {
  for (const decision of stage.readDecisions()) {
    const { at, who, step, reason } = decision;
    const known = stage.decisions.some(
      (other) => other.who === who && other.step === step && other.reason === reason,
    );
    // What the step before has left to say isn't this one's.
    if (known || at < stage.startedAt) continue;
    stage.decisions.push(decision);
    stage.screen.decision(at - stage.startedAt, who, step, reason);
  }
}
