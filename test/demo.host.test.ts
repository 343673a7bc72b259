import { type ChildProcess, execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { demo } from '../scripts/demo/demo.ts';
import { story } from '../scripts/demo/story.ts';
import { collect, finish, project, start, verdictsOf } from './demo-bed.ts';
import { expectNothingLeft, leftOvers } from './left-overs.ts';

// Each demo has a region of its own, so they run side by side.
let nextPort = 4910 + (process.pid % 60) * 20;

describe.concurrent('the demo', () => {
  test('proves every step and leaves nothing behind', async () => {
    const port = nextPort++;
    const { code, output } = await finish(start(port));
    expect(output).toContain(`${story.length} of ${story.length} steps proven in`);
    expect(code).toBe(0);
    expect(verdictsOf(output)).toEqual(story.map(() => 'proven'));
    expect(output.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(output).not.toContain('\u001b');
    await expectNothingLeft(port);
  });

  // SIGTERM is sent to a demo on simulated hosts.
  test('leaves nothing behind when SIGINT interrupts it', async () => {
    const port = nextPort++;
    const running = start(port);
    await said(running, 'Two instances come in');
    running.kill('SIGINT');
    const { code, output } = await finish(running);
    expect(code).toBe(130);
    expect(output).toContain('interrupted');
    await expectNothingLeft(port);
  });

  test('goes away with a killed demo', async () => {
    const port = nextPort++;
    const running = start(port);
    await said(running, 'Two instances come in');
    running.kill('SIGKILL');
    await vi.waitFor(() => expect(leftOvers(port)).toEqual([]), { timeout: 20_000 });
    await expectNothingLeft(port);
  });

  test('keeps the region when asked to, until it is ended', async () => {
    const port = nextPort++;
    const { signal } = new AbortController();
    const [output, text] = collect();
    const arrived = story.slice(0, 2);
    expect(await demo({ port, keep: true, simulated: true, signal, output, story: arrived })).toBe(0);
    expect(text()).toContain(`npm run region -- down --port ${port}`);
    const region = (...words: string[]) =>
      promisify(execFile)(process.execPath, ['region/cli.ts', ...words], { cwd: project });
    expect((await region('status', '--port', String(port))).stdout.match(/healthy/g)).toHaveLength(2);
    await region('down', '--port', String(port));
    await expectNothingLeft(port);
  });
});

function said(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    child.stdout!.on('data', (chunk) => String(chunk).includes(text) && resolve());
  });
}
