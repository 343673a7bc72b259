import { fileURLToPath } from 'node:url';
import { type Background, startInBackground } from '../../region/background.ts';
import { createOverview } from '../../region/overview.ts';
import { defaultPort, functionLogFile, stateDirectory } from '../../region/state.ts';
import { createDecisionReader } from './decisions.ts';
import { createScreen } from './screen.ts';
import { createStage, NotProven, type Stage } from './stage.ts';
import { type Step, story as wholeStory } from './story.ts';

/** A region that the story is told of. */
export type DemoRegion = Pick<Background, 'deployed' | 'release' | 'end'>;

export interface DemoOptions {
  port: number;
  /** Leaves the region up when every step was proven. */
  keep?: boolean;
  signal: AbortSignal;
  output?: NodeJS.WritableStream;
  story?: Step[];
  start?(port: number): DemoRegion;
}

interface Outcome {
  step: Step;
  seconds?: number;
  verdict: 'proven' | 'NOT PROVEN' | 'interrupted' | 'not run';
}

/**
 * Tells the story, a step at a time, until one isn't proven or `signal` aborts; then everything is removed.
 * Resolves to the exit status: 0 only when every step was proven.
 */
export async function demo(options: DemoOptions): Promise<number> {
  const { port, signal, keep = false, story = wholeStory, start = startInProject } = options;
  const screen = createScreen(options.output ?? process.stdout);
  const startedAt = Date.now();
  let region: DemoRegion | undefined;
  const stage = createStage({
    screen,
    port,
    signal,
    overview: createOverview(`http://127.0.0.1:${port}`, 'demo'),
    readDecisions: createDecisionReader(functionLogFile(stateDirectory(port))),
    async deploy() {
      try {
        region = start(port);
        signal.addEventListener('abort', () => void region?.end());
        await region.deployed;
      } catch (error) {
        throw new NotProven('the region to start', (error as Error).message);
      }
    },
  });
  const outcomes: Outcome[] = story.map((step) => ({ step, verdict: 'not run' }));
  for (const [index, outcome] of outcomes.entries()) {
    await play(stage, index + 1, outcome, signal);
    if (outcome.verdict !== 'proven') break;
  }
  const proven = outcomes.filter(({ verdict }) => verdict === 'proven').length;
  const kept = keep && proven === story.length;
  if (kept) region?.release();
  else await region?.end();
  screen.plain(table(outcomes));
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
  screen.plain(['', `${proven} of ${story.length} steps proven in ${seconds} s.`]);
  if (region) screen.plain(kept ? howToUse(port) : ['The region is gone; nothing is left of it.']);
  return proven === story.length ? 0 : 1;
}

async function play(stage: Stage, number: number, outcome: Outcome, signal: AbortSignal): Promise<void> {
  const { step } = outcome;
  const began = Date.now();
  stage.startedAt = began;
  stage.decisions = [];
  stage.screen.headline(number, step.title);
  stage.screen.say(step.text);
  try {
    stage.screen.verdict(true, await step.play(stage));
    outcome.verdict = 'proven';
  } catch (error) {
    outcome.verdict = signal.aborted ? 'interrupted' : 'NOT PROVEN';
    const { message, stack } = error as Error;
    // What a step expects is said in words; anything else is a fault of the demo and shows where.
    if (!signal.aborted) stage.screen.verdict(false, error instanceof NotProven ? message : `${stack}`);
  }
  outcome.seconds = (Date.now() - began) / 1000;
}

function startInProject(port: number): DemoRegion {
  const packageDirectory = fileURLToPath(new URL('../..', import.meta.url));
  const options = { port, pace: 'fast', packageDirectory, stateDirectory: stateDirectory(port) } as const;
  return startInBackground(options, () => {});
}

function table(outcomes: Outcome[]): string[] {
  const rows = outcomes.map(({ step, seconds, verdict }, index) => {
    const time = seconds === undefined ? '' : seconds.toFixed(1);
    return `${String(index + 1).padStart(2)}  ${step.title.padEnd(48)}  ${time.padStart(7)}  ${verdict}`;
  });
  return ['', `    ${'step'.padEnd(48)}  seconds  verdict`, ...rows];
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
