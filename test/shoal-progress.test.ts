import { expect, test } from 'vitest';
import { createProgress } from '../scripts/shoal/progress.ts';
import type { FleetReport } from '../shared/control/status.ts';
import { collect } from './demo-bed.ts';

type Waves = FleetReport['waves'];
const wave = (name: string, state: Waves[number]['state'], reason: string) => ({
  ...{ name, state, reason, instances: ['i-1', 'i-2'] },
});
const report = (...waves: Waves) => ({ waves, says: 'all on live' }) as FleetReport;
const steps = [
  report(wave('canary', 'moving', '0 of 2 proven'), wave('wave 1', 'waits', 'later')),
  report(wave('canary', 'moving', '1 of 2 proven'), wave('wave 1', 'waits', 'later')),
  report(wave('canary', 'moving', '1 of 2 proven'), wave('wave 1', 'waits', 'later')),
  report(wave('canary', 'done', 'proven'), wave('wave 1', 'waits', 'soaking, 5 s left')),
  new Error('no answer'),
  report(),
];

function shown(isTTY: boolean): string {
  const [stream, text] = collect();
  const progress = createProgress(Object.assign(stream, { isTTY }));
  for (const step of steps) progress.show(step);
  progress.end();
  return text();
}

test('a log gets a line for each change', () => {
  expect(shown(false)).toBe(`\
    0 s  canary  moving  2 instances, 0 of 2 proven
    0 s  canary  moving  2 instances, 1 of 2 proven
    0 s  canary  done    2 instances, proven
    0 s  wave 1  waits   2 instances, soaking, 5 s left
    0 s  its status cannot be read: no answer
    0 s  all on live
`);
});

test('a terminal sees the newest line change in place', () => {
  // What a terminal shows of a line is what came after its last return to the start.
  const lines = shown(true).split('\n');
  expect(lines.map((line) => line.split('\r\u001b[K').at(-1))).toEqual([
    '    0 s  canary  done    2 instances, proven',
    '    0 s  wave 1  waits   2 instances, soaking, 5 s left',
    '    0 s  all on live',
    '',
  ]);
});
