import { allWell, short } from '../decisions/fleet.ts';
import type { Wave } from '../decisions/waves.ts';
import { columns, count, cut, firstOf, screen, table, utc, wrap } from './columns.ts';
import type { FleetReport, InstanceReport } from './status.ts';

/** More instances than this are counted, and only those with something wrong are named. */
export const shownMax = 50;
/** Of anything that could be listed without an end. */
const listedMax = 20;
const wavesMax = 12;

type Facts = Omit<FleetReport, 'text'>;

/**
 * A fleet for whoever was woken by it: in the first line whether all is well and since when, then who runs what,
 * how far a rollout is or why it was rejected, and what to do.
 *
 * @param says The fleet's own state in one line, without what is wrong with single instances.
 * @param prefix Of the stage's names, for the commands that are named.
 */
export function statusText(report: Facts, says: string, prefix: string): string {
  const { instances, mistakes, problems } = report;
  const sections = [
    [...headline(report, says), ...identity(report)],
    instances.length > shownMax ? summary(report) : instanceRows(report, instances),
    rolloutLines(report),
    rejectionLines(report, prefix),
    list('mistakes in the parameters, none of which is in force:', mistakes.map(mistakeText)),
    list('to be mended:', problems),
    list(
      'open tunnels of clients that are not allowed any more, which the kernel cannot close:',
      tunnels(report),
    ),
  ];
  return screen(sections);
}

function headline({ well, since, live, instances, ...report }: Facts, says: string): string[] {
  const serving = instances.filter(({ lifecycle }) => lifecycle === 'InService').length;
  const runs = `${serving} of ${instances.length} in service on ${live === null ? 'nothing' : short(live.sha256)}`;
  if (well) return [`well${since === null ? '' : ` since ${utc(since)}`}: ${runs}`];
  const { rollout, rejected, mistakes, problems } = report;
  const ailing = instances.filter(({ trouble }) => trouble !== null).length;
  const wrong = [
    ...(ailing > 0 ? [`something is wrong with ${ailing} of ${count(instances.length, 'instance')}`] : []),
    ...(problems.length > 0 ? [`${count(problems.length, 'thing')} to be mended`] : []),
  ];
  const moves = rollout !== null && rollout.sha256 !== rejected?.sha256;
  if (moves && wrong.length === 0) return wrap(says, 'NOT well yet: ', 2);
  const own = mistakes.length > 0 ? `${count(mistakes.length, 'mistake')} in the parameters` : says;
  return wrap([...(own === allWell ? [] : [own]), ...wrong].join('; '), 'NOT well: ', 3);
}

function identity({ fleet, live, well }: Facts): string[] {
  if (well) return [`fleet ${fleet}`];
  const state =
    live === null ? 'nothing is live yet' : `live is ${short(live.sha256)} since ${utc(live.since)}`;
  return wrap(`fleet ${fleet}: ${state}`);
}

function instanceRows(report: Facts, instances: InstanceReport[]): string[] {
  const rows = (zoneOf: (zone: string) => string) => [
    ['  INSTANCE', 'ZONE', 'LIFECYCLE', 'CONFIG', 'AGE', 'TARGET'],
    ...instances.map((it) => [
      `${it.trouble === null ? ' ' : '!'} ${it.instance}`,
      zoneOf(it.zone),
      it.lifecycle,
      configName(report, it),
      it.age === null ? '-' : ageText(it.age),
      it.target,
    ]),
  ];
  const whole = table(rows((zone) => zone));
  // `1a` where there is no room for `ap-northeast-1a`.
  const fits = whole.every((line) => line.length <= columns);
  const [head = '', ...lines] = fits ? whole : table(rows((zone) => zone.replace(/^.*-/, '')));
  return [
    head,
    ...instances.flatMap(({ trouble, next }, index) => {
      const why = trouble ?? next;
      return [lines[index] ?? '', ...(why === null ? [] : wrap(why, '    ', 3))];
    }),
  ].map((line) => cut(line));
}

/** What it runs, by its part in the fleet where it has one. */
function configName({ live, rollout, rejected }: Facts, { running, config, host }: InstanceReport): string {
  if (running === null) return /^(unknown|asked|unreachable)$/.test(host) ? '?' : 'none';
  if (running === live?.sha256) return 'live';
  if (running === rejected?.sha256) return 'rejected';
  return running === rollout?.sha256 ? 'new' : (config ?? '');
}

function summary(report: Facts): string[] {
  const { instances } = report;
  const by = (name: string, nameOf: (instance: InstanceReport) => string) => {
    const values = [...Map.groupBy(instances, nameOf)].sort(([, a], [, b]) => b.length - a.length);
    const counts = values.map(([value, those]) => `${those.length} ${value}`);
    return wrap(firstOf(counts, 8).join(', '), `  ${name.padEnd(11)}`, 3);
  };
  const ailing = instances.filter(({ trouble }) => trouble !== null);
  return [
    `${instances.length} instances`,
    ...by('lifecycle', ({ lifecycle }) => lifecycle),
    ...by('config', (it) => configName(report, it)),
    ...by('target', ({ target }) => target),
    ...by('zone', ({ zone }) => zone),
    ...(ailing.length === 0 ? [] : ['', `something is wrong with ${ailing.length} of them`]),
    ...(ailing.length === 0 ? [] : instanceRows(report, ailing.slice(0, listedMax))),
    ...(ailing.length > listedMax ? [`  and ${ailing.length - listedMax} more`] : []),
  ];
}

function rolloutLines({ rollout, rejected, waves }: Facts): string[] {
  if (rollout === null || rollout.sha256 === rejected?.sha256) return [];
  const { sha256, startedAt, forced } = rollout;
  return [
    `rollout of ${short(sha256)}, begun ${utc(startedAt)}${forced ? ', forced' : ''}`,
    ...waveLines(waves),
  ];
}

/** One wave a line; where there are many, those that are done or wait are counted. */
export function waveLines(waves: Wave[]): string[] {
  const line = ({ name, state, reason, instances }: Wave) =>
    wrap(`${reason}: ${firstOf(instances, 6).join(', ')}`, `  ${name.padEnd(8)}${state.padEnd(8)}`);
  if (waves.length <= wavesMax) return waves.flatMap(line);
  const those = (state: Wave['state']) => waves.filter((wave) => wave.state === state);
  const counted = (state: Wave['state']) => {
    const found = those(state);
    const size = found.reduce((sum, { instances }) => sum + instances.length, 0);
    const text = `  ${count(found.length, 'wave')} of ${count(size, 'instance')}: ${state}`;
    return found.length === 0 ? [] : [text];
  };
  return [...counted('done'), ...those('moving').slice(0, wavesMax).flatMap(line), ...counted('waits')];
}

function rejectionLines({ fleet, rejected, rollout, live }: Facts, prefix: string): string[] {
  if (rejected === null) return [];
  const { sha256, instance, at, reason } = rejected;
  const isUndone = rollout?.sha256 === sha256;
  const back = isUndone && live !== null ? `, and being undone: going back to ${short(live.sha256)}` : '';
  const byHand = instance === 'by hand';
  return [
    ...wrap(`rejected: ${short(sha256)}${back}`),
    ...wrap(`${byHand ? instance : `on ${instance}`}, ${utc(at)}`, '  who   '),
    ...wrap(reason, '  why   ', 6),
    ...wrap(`${byHand ? 'edit' : 'mend'} the parameters; or, to try the same again:`, '  next  '),
    `          ${shoalCommand(prefix, 'apply', fleet)}`,
  ];
}

/** As it is typed; a stage of its own has to be named. */
export function shoalCommand(prefix: string, ...words: string[]): string {
  const stage = prefix === 'shoal' ? [] : ['--stage', prefix.replace(/^shoal-/, '')];
  return ['npm run shoal --', ...words, ...stage].join(' ');
}

function tunnels({ instances }: Facts): string[] {
  return instances.flatMap(({ tunnels: kept, instance }) => (kept === null ? [] : [instance]));
}

export function mistakeText({ parameter, version, problem }: Facts['mistakes'][number]): string {
  if (parameter === null) return problem;
  return `${parameter}${version === null ? '' : ` (version ${version})`}: ${problem}`;
}

/** A title and its items, when there are some. */
export function list(title: string, items: string[]): string[] {
  if (items.length === 0) return [];
  return [...wrap(title), ...firstOf(items, listedMax).flatMap((item) => wrap(item, '  - '))];
}

function ageText(seconds: number): string {
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86_400)}d`;
}
