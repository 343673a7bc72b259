import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { stateDirectory } from '../region/state.ts';
import { demo } from '../scripts/demo/demo.ts';
import { story } from '../scripts/demo/story.ts';
import { project, verdictsOf } from './demo-bed.ts';

const hasCli = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'aws')));
let nextPort = 4200 + (process.pid % 60) * 5;

test.skipIf(!hasCli)(
  'shows on simulated hosts what needs no real ones (needs the AWS CLI)',
  { timeout: 240_000 },
  async () => {
    const port = nextPort++;
    const output = new PassThrough();
    const printed = text(output);
    const { signal } = new AbortController();
    // The other steps are edits and arrivals as well.
    const others = ['remove', 'typo', 'scale', 'lost'];
    const steps = story.filter(({ name }) => !others.includes(name));
    const status = await demo({ port, signal, output, simulated: true, story: steps });
    output.end();
    const lines = (await printed).split('\n');
    expect(status, lines.join('\n')).toBe(0);
    expect(lines[0]).toContain('SIMULATED HOSTS');
    expect(lines.find((line) => line.includes('docker run'))).toContain('--privileged');
    const hidden = ['list', 'metadata', 'unfit', 'canary', 'leave', 'abandon', 'repair'];
    expect(verdictsOf(lines.join('\n'))).toEqual(
      steps.map(({ name }) => (hidden.includes(name) ? 'not shown' : 'proven')),
    );
    expect(lines.join('\n')).toMatch(/\n5 of 5 steps proven in \d+ s\. 7 need real hosts\.\n/);
    expect(lines.filter((line) => / So 192\.168\.7\.10 is (refused|allowed)/.test(line))).toHaveLength(3);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(existsSync(stateDirectory(port))).toBe(false);
  },
);

test.each([
  ['asked for', ['--simulated'], {}],
  ['all there is', [], { SHOAL_HOSTS: 'simulated' }],
])('takes simulated hosts when they are %s', { timeout: 60_000 }, async (_, words, environment) => {
  const port = nextPort++;
  const child = spawn(process.execPath, ['scripts/demo.ts', '--port', String(port), ...words], {
    cwd: project,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdout.once('data', () => child.kill('SIGTERM'));
  expect(await text(child.stdout)).toMatch(/^SIMULATED HOSTS[\s\S]*\n 3 {2}.* not shown\n/);
  expect(await ended).toBe(143);
  expect(existsSync(stateDirectory(port))).toBe(false);
});
