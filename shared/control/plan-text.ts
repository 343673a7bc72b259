import type { Wave } from '../decisions/waves.ts';
import type { Mistake } from '../fleet/settings.ts';
import { count, cut, firstOf, screen, wrap } from './columns.ts';
import type { CutOff } from './cut-off.ts';
import { list, mistakeText, shoalCommand, waveLines } from './status-text.ts';

/** What of a plan people read. */
export interface PlanFacts {
  fleet: string;
  /** The fleet's state in one line. */
  says: string;
  /** Edits that were looked at as if they had been made; an empty value stands for a deletion. */
  set: Record<string, string>;
  mistakes: Mistake[];
  /** Why what the parameters ask for would not be taken up. */
  refused: string[];
  waves: Wave[];
  cutOff: CutOff;
  instances: { instance: string; step: string; reason: string }[];
  /** Where squid.conf is not what was proven there last, with the first lines that differ. */
  differs: { instance: string; lines: string[] }[];
  /** Unified; empty when nothing would change. */
  diff: string;
}

/**
 * A plan for people: what would happen, who would move in which wave and why, who would be cut off, and the
 * diff. At most 80 columns, but for the diff's own lines.
 *
 * @param prefix Of the stage's names, for the commands that are named.
 */
export function planText(plan: PlanFacts, prefix: string): string {
  const { fleet, set, mistakes, refused, waves, cutOff, differs, diff } = plan;
  const edits = Object.entries(set).map(([name, value]) =>
    value === '' ? `${name} deleted` : `${name} = ${value}`,
  );
  const sections = [
    wrap(`plan for ${fleet}: ${headline(plan)}`, '', 3),
    list('with edits that have not been made:', edits),
    list('mistakes in the parameters:', mistakes.map(mistakeText)),
    [...list('refused:', refused), ...wayOn(plan, prefix)],
    waveLines(waves),
    cutOffLines(cutOff),
    list('besides:', others(plan)),
    ...differs.map(({ instance, lines }) => differenceLines(instance, lines)),
    diff === '' ? [] : ['from what runs to what the parameters ask for:', ...diffLines(diff)],
  ];
  return screen(sections);
}

function headline({ says, mistakes, refused, waves, diff }: PlanFacts): string {
  if (mistakes.length > 0)
    return `NOT possible, ${count(mistakes.length, 'mistake')} in the parameters; all stays as it is`;
  if (refused.length > 0) return 'REFUSED; all stays as it is';
  const ahead = waves.filter(({ state }) => state !== 'done');
  const moving = ahead.reduce((sum, { instances }) => sum + instances.length, 0);
  if (ahead.length > 0)
    return `${count(moving, 'instance')} would move, in ${count(ahead.length, 'wave')} (${says})`;
  return diff === '' ? `nothing to roll out (${says})` : says;
}

function cutOffLines({ clients, total, unnamed, tunnels }: CutOff): string[] {
  const whom = clients.map(({ client, instances }) => `${client} on ${firstOf(instances, 4).join(', ')}`);
  const rest = [
    ...(total > clients.length ? [`${total - clients.length} more of them`] : []),
    ...(unnamed > 0 ? [`perhaps some of ${unnamed} that their hosts did not name`] : []),
  ];
  const goOn = tunnels === 'kept' ? ' (open tunnels are kept)' : '';
  return list(`clients that are connected now and would be cut off${goOn}:`, [...firstOf(whom, 15), ...rest]);
}

/** The command that goes on in spite of what was refused, where the reasons name one. */
function wayOn({ fleet, refused, set }: PlanFacts, prefix: string): string[] {
  if (refused.length === 0) return [];
  const first = Object.keys(set).length > 0 ? ', make the edit and then' : '';
  if (refused.every((reason) => reason.includes('"force": true')))
    return [`if it is meant${first}:`, `    ${shoalCommand(prefix, 'apply', fleet, '--force')}`];
  if (refused.every((reason) => reason.startsWith('rejected ')))
    return ['to try the same again:', `    ${shoalCommand(prefix, 'apply', fleet)}`];
  return [];
}

function differenceLines(instance: string, lines: string[]): string[] {
  const title = `squid.conf of ${instance} is not what was proven there last:`;
  return [
    title,
    ...(lines.length === 0 ? ['nothing is kept there to compare it with'] : lines).map((it) =>
      cut(`    ${it}`),
    ),
  ];
}

/** As `diff -u` has it, without the rule that comes before it. */
function diffLines(diff: string): string[] {
  return diff
    .trimEnd()
    .split('\n')
    .filter((line) => !/^=+$/.test(line));
}

/** What would be done to instances that move in no wave: repairs, registrations, launches. */
function others({ instances, waves }: PlanFacts): string[] {
  const moving = new Set(waves.flatMap((wave) => wave.instances));
  return instances
    .filter(({ instance, step }) => step !== 'nothing' && !moving.has(instance))
    .map(({ instance, step, reason }) => cut(`${instance} ${step}: ${reason}`, 400));
}
