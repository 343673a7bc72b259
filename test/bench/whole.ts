import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Figure } from './figure.ts';

const root = join(import.meta.dirname, '../..');

/** The tests of which `npm test` runs a sample, so that it takes minutes: here each of their cases. */
const files = [
  'test/scenarios/interleavings.slow.test.ts',
  'test/demo-broken.host.test.ts',
  'test/host/killed.host.test.ts',
];

export function whole(): Figure[] {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const { stdout } = spawnSync(process.execPath, [vitest, 'run', '--project', 'hosts', ...files], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, WHOLE: '1', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\s*$/.exec(stdout) ?? [];
  if (Number(failed ?? 1) > 0) console.log(stdout);
  return [
    {
      what: 'tests that fail when no case is left out',
      unit: 'failures',
      target: 0,
      measured: Number(failed ?? Number.NaN),
      how: `${passed} passed: all interleavings, the demo in each broken world, the host script killed on every way back`,
    },
  ];
}
