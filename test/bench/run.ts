/**
 * Measures what the project promises of its own speed: `npm run bench [-- NAME…]`. Prints a figure a line as
 * it is measured, and ends with 1 when one misses its target.
 */
import { admission } from './admission.ts';
import { bundle } from './bundle.ts';
import { calls } from './calls.ts';
import type { Figure } from './figure.ts';
import { host } from './host.ts';
import { start } from './start.ts';
import { up } from './up.ts';

const benches: Record<string, () => Figure[] | Promise<Figure[]>> = {
  bundle,
  start,
  calls,
  host,
  up,
  admission,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benches);
let missed = 0;
for (const name of names) {
  const measure = benches[name];
  if (measure === undefined)
    throw new Error(`no bench ${name}: there are ${Object.keys(benches).join(', ')}`);
  for (const { what, unit, target, measured, how } of await measure()) {
    const reached = measured <= target;
    if (!reached) missed++;
    const digits = unit === '×' ? 2 : unit === 's' ? 1 : 0;
    console.log(
      `${reached ? 'ok    ' : 'MISSED'}  ${what}: ${measured.toFixed(digits)} ${unit} (at most ${target})\n        ${how}`,
    );
  }
}
process.exitCode = missed === 0 ? 0 : 1;
