import { fileURLToPath } from 'node:url';
import { type Background, startInBackground } from '../../region/background.ts';
import { createOverview } from '../../region/overview.ts';
import { defaultPort, functionLogFile, stateDirectory } from '../../region/state.ts';
import { createDecisionReader, denied } from './decisions.ts';
import { createScreen } from './screen.ts';
import { createStage, NotProven, prove, type Stage, type Step } from './stage.ts';
import { story as wholeStory } from './story.ts';

/** A region that the story is told of. */
export type DemoRegion = Pick<Background, 'deployed' | 'release' | 'end'>;

export interface DemoOptions {
  port: number;
  /** Leaves the region up when every step was proven. */
  keep?: boolean;
  /** On hosts without processes: what takes a real client or Squid isn't shown. */
  simulated?: boolean;
  signal: AbortSignal;
  output?: NodeJS.WritableStream;
  story?: Step[];
  start?(port: number, simulated: boolean): DemoRegion;
}

interface Outcome {
  step: Step;
  seconds?: number;
  /** The functions that decided something in it. */
  by?: Set<string>;
  verdict: 'proven' | 'NOT PROVEN' | 'interrupted' | 'not run' | 'not shown';
}

/** The first thing that is said where hosts are simulated, and how to get others. */
const simulatedNotice = [
  'SIMULATED HOSTS: no Squid runs, and steps that need one are not shown.',
  'Real ones, on Linux as root, or anywhere in a container of this folder:',
  '',
  '  docker run --rm -it --privileged -v "$PWD":/shoal -w /shoal \\',
  '    node:24-bookworm npm run demo',
];

/**
 * Tells the story, a step at a time, until one isn't proven or `signal` aborts; then everything is removed.
 * Resolves to the exit status: 0 only when every step that is shown was proven.
 */
export async function demo(options: DemoOptions): Promise<number> {
  const { port, signal, keep = false, simulated = false } = options;
  const { story = wholeStory, start = startInProject } = options;
  const screen = createScreen(options.output ?? process.stdout);
  if (simulated) screen.plain(simulatedNotice);
  const startedAt = Date.now();
  let region: DemoRegion | undefined;
  const stage = createStage({
    screen,
    port,
    signal,
    simulated,
    overview: createOverview(`http://127.0.0.1:${port}`, 'demo'),
    readDecisions: createDecisionReader(functionLogFile(stateDirectory(port))),
    async deploy() {
      try {
        region = start(port, simulated);
        signal.addEventListener('abort', () => void region?.end());
        await region.deployed;
      } catch (error) {
        throw new NotProven('the region to start', (error as Error).message);
      }
    },
  });
  const outcomes: Outcome[] = story.map((step) => ({
    step,
    verdict: simulated && step.needsRealHosts ? 'not shown' : 'not run',
  }));
  const shown = outcomes.filter(({ verdict }) => verdict !== 'not shown');
  for (const outcome of shown) {
    await play(stage, outcomes.indexOf(outcome) + 1, outcome, signal);
    if (outcome.verdict !== 'proven') break;
  }
  const proven = outcomes.filter(({ verdict }) => verdict === 'proven').length;
  const kept = keep && proven === shown.length;
  if (kept) region?.release();
  else await region?.end();
  screen.plain(table(outcomes));
  screen.plain(roles(outcomes));
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
  const hidden = shown.length === story.length ? '' : ` ${story.length - shown.length} need real hosts.`;
  screen.plain(['', `${proven} of ${shown.length} steps proven in ${seconds} s.${hidden}`]);
  if (region) screen.plain(kept ? howToUse(port) : ['The region is gone; nothing is left of it.']);
  return proven === shown.length ? 0 : 1;
}

async function play(stage: Stage, number: number, outcome: Outcome, signal: AbortSignal): Promise<void> {
  const { step } = outcome;
  const began = Date.now();
  stage.startedAt = began;
  stage.decisions = [];
  stage.screen.headline(number, step.title);
  stage.screen.say(step.text);
  try {
    const proof = await step.play(stage);
    const refused = stage.decisions.find((decision) => decision.step === denied);
    prove("every call to be allowed by its function's role", refused === undefined, refused?.reason ?? '');
    stage.screen.verdict(true, proof);
    outcome.verdict = 'proven';
  } catch (error) {
    outcome.verdict = signal.aborted ? 'interrupted' : 'NOT PROVEN';
    const { message, stack } = error as Error;
    // What a step expects is said in words; anything else is a fault of the demo and shows where.
    if (!signal.aborted) stage.screen.verdict(false, error instanceof NotProven ? message : `${stack}`);
  }
  outcome.seconds = (Date.now() - began) / 1000;
  outcome.by = new Set(stage.decisions.map(({ by }) => by));
}

function startInProject(port: number, simulated: boolean): DemoRegion {
  const packageDirectory = fileURLToPath(new URL('../..', import.meta.url));
  const where = { packageDirectory, stateDirectory: stateDirectory(port) };
  return startInBackground({ port, pace: 'fast', simulated, ...where }, () => {});
}

function table(outcomes: Outcome[]): string[] {
  const rows = outcomes.map(({ step, seconds, verdict }, index) => {
    const time = seconds === undefined ? '' : seconds.toFixed(1);
    return `${String(index + 1).padStart(2)}  ${step.title.padEnd(48)}  ${time.padStart(7)}  ${verdict}`;
  });
  return ['', `    ${'step'.padEnd(48)}  seconds  verdict`, ...rows];
}

/** In which steps each function acted: the region evaluates the deployed role on every call that it makes. */
function roles(outcomes: Outcome[]): string[] {
  const names = [...new Set(outcomes.flatMap(({ by = [] }) => [...by]))].sort();
  const acted = names.map((name) => {
    const steps = outcomes.flatMap(({ by }, index) => (by?.has(name) ? [index + 1] : []));
    return `  ${name.padEnd(16)}  ${steps.length === 1 ? 'step' : 'steps'} ${steps.join(', ')}`;
  });
  return acted.length === 0 ? [] : ['', 'Under their deployed roles, with no call denied, acted', ...acted];
}

function howToUse(port: number): string[] {
  const at = port === defaultPort ? '' : ` --port ${port}`;
  return [
    'The region stays up: every command above works in this folder, and also',
    `  npm run region -- status${at}`,
    `  npm run region -- logs${at}`,
    'and this ends it and removes everything:',
    `  npm run region -- down${at}`,
  ];
}
