import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { defaultClientAddress } from '../../region/network/client.ts';
import type { Overview, ReadOverview } from '../../region/overview.ts';
import { defaultPort } from '../../region/state.ts';
import type { Decision } from './decisions.ts';
import type { Screen } from './screen.ts';

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

const project = fileURLToPath(new URL('../..', import.meta.url));
const pollMs = 100;

export function createStage(setting: Setting): Stage {
  const { screen, port, overview, signal } = setting;
  const at = port === defaultPort ? '' : ` --port ${port}`;
  const stage: Stage = {
    ...setting,
    startedAt: 0,
    deployedAt: 0,
    patienceMs: 120_000,
    decisions: [],
    async region(command, words) {
      const text = `npm run region -- ${command}${at} ${words}`;
      screen.command(text);
      const { status, output } = await runShell(text, signal);
      prove('the command to succeed', status === 0, output);
      return output;
    },
    aws: (words) => stage.region('aws', words),
    async client(words, from) {
      const source = from === defaultClientAddress ? '' : ` --from ${from}`;
      const text = `npm run --silent region -- client${at}${source} -- \\\n  ${words}`;
      screen.command(text);
      const { output } = await runShell(text, signal);
      screen.output(output);
      return output;
    },
    quietly: async (command, words) =>
      (await runShell(`npm run --silent region -- ${command}${at} ${words}`, signal)).output,
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

/**
 * Runs a command as it stands on the screen, in a shell in the project's folder, where it also works when it is
 * pasted. Only npm's own part is cut short: its set-up has run already.
 */
async function runShell(
  text: string,
  signal: AbortSignal,
): Promise<{ status: number | null; output: string }> {
  signal.throwIfAborted();
  const npm = 'npm() { while [ "$1" != -- ]; do shift; done; shift; "$NODE" region/cli.ts "$@"; }';
  // Through a pipe, since a command that writes to /dev/stdout can't open the socket that Node gives it.
  const child = spawn('bash', ['-o', 'pipefail', '-c', `${npm}\n{ ${text}\n} 2>&1 | cat`], {
    cwd: project,
    env: { ...process.env, NODE: process.execPath, INIT_CWD: project },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, so that an interruption reaches all of it.
    detached: true,
  });
  const stop = () => process.kill(-child.pid!, 'SIGTERM');
  signal.addEventListener('abort', stop);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  return { status, output: output.replace(/^\n+/, '').trimEnd() || `nothing, exit status ${status}` };
}
