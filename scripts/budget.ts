/**
 * What the bundles are made of, in KiB a part, and what they may weigh: `scripts/budget.json`, which
 * `node scripts/budget.ts` writes anew from the last build.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Metafile } from 'esbuild';

/** KiB by part: a package by its name, our own code by its folder. */
export type Parts = Record<string, number>;

/** A bundle may outgrow its budget by so much before anybody has to say why. */
const tolerance = 1.03;

/** What grew by less is not named. */
const noteworthyKiB = 0.5;

const measuredFile = fileURLToPath(new URL('../build/parts.json', import.meta.url));
const budgetFile = fileURLToPath(new URL('budget.json', import.meta.url));

/** Of each function's bundle, what esbuild says of it. */
export function partsOf({ outputs }: Metafile): Record<string, Parts> {
  const bundles = Object.entries(outputs).map(([file, { inputs }]) => {
    const parts: Parts = {};
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const part = partOf(input);
      parts[part] = (parts[part] ?? 0) + bytesInOutput / 1024;
    }
    return [file.split('/').at(-2), parts];
  });
  return Object.fromEntries(bundles);
}

export const readMeasured = (): Record<string, Parts> => JSON.parse(readFileSync(measuredFile, 'utf8'));
export const readBudget = (): Record<string, Parts> => JSON.parse(readFileSync(budgetFile, 'utf8'));

/** Nothing while a bundle is within its budget; else its size, and what of it grew, the most first. */
export function overBudget(measured: Parts, budget: Parts): string[] {
  if (total(measured) <= total(budget) * tolerance) return [];
  const grown = Object.keys(measured)
    .map((part) => ({ part, from: budget[part] ?? 0, to: measured[part] ?? 0 }))
    .filter(({ from, to }) => to - from >= noteworthyKiB)
    .sort((one, other) => other.to - other.from - (one.to - one.from));
  const lines = [{ part: 'the whole bundle', from: total(budget), to: total(measured) }, ...grown];
  return lines.map(({ part, from, to }) => `${part}: ${from.toFixed(1)} → ${to.toFixed(1)} KiB`);
}

function partOf(input: string): string {
  const [, inside] = input.split(/.*node_modules\//);
  const words = (inside ?? input).split('/');
  return words.slice(0, inside === undefined || inside.startsWith('@') ? 2 : 1).join('/');
}

const total = (parts: Parts): number => Object.values(parts).reduce((sum, size) => sum + size, 0);

if (import.meta.main) {
  const rounded = Object.entries(readMeasured()).map(([bundle, parts]) => {
    const sizes = Object.entries(parts).map(([part, size]) => [part, Math.round(size * 10) / 10] as const);
    return [bundle, Object.fromEntries(sizes.sort(([one], [other]) => (one < other ? -1 : 1)))];
  });
  writeFileSync(budgetFile, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`);
}
