/**
 * Measures what the project promises of its own speed: `npm run bench [-- NAME…]`. Prints a figure a line as
 * it is measured, and ends with 1 when one misses its target.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { admission } from './admission.ts';
import { bundle } from './bundle.ts';
import { calls } from './calls.ts';
import type { Figure } from './figure.ts';
import { flood } from './flood.ts';
import { host } from './host.ts';
import { rollout, rolloutScale } from './rollout.ts';
import { scale } from './scale.ts';
import { start } from './start.ts';
import { sweep } from './sweep.ts';
import { up } from './up.ts';
import { whole } from './whole.ts';

const benches: Record<string, () => Figure[] | Promise<Figure[]>> = {
  bundle,
  start,
  calls,
  sweep,
  scale,
  host,
  up,
  admission,
  flood,
  rollout,
  'rollout-scale': rolloutScale,
  whole,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benches);
const unknown = names.find((name) => benches[name] === undefined);
if (unknown !== undefined)
  throw new Error(`no bench ${unknown}: there are ${Object.keys(benches).join(', ')}`);
if (names.length === 1) await report(names[0] as string);
// One after another, each in a process of its own: what one leaves in memory makes the next one's children slow.
else for (const name of names) if (!passes(name)) process.exitCode = 1;

function passes(name: string): boolean {
  return (
    spawnSync(process.execPath, [fileURLToPath(import.meta.url), name], { stdio: 'inherit' }).status === 0
  );
}

async function report(name: string): Promise<void> {
  for (const { what, unit, target, measured, how } of (await benches[name]?.()) ?? []) {
    const reached = measured <= target;
    if (!reached) process.exitCode = 1;
    const digits = unit === '×' ? 2 : unit === 's' ? 1 : 0;
    const figure = `${measured.toFixed(digits)} ${unit} (at most ${target})`;
    console.log(`${reached ? 'ok    ' : 'MISSED'}  ${what}: ${figure}\n        ${how}`);
  }
}
