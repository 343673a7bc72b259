import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Has all tests find an AWS CLI on their PATH that is loaded once, where it is a Python module; else the machine's. */
export default async function serveAwsCli(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-aws-'));
  const server = spawn('python3', [join(import.meta.dirname, 'serve.py'), folder], {
    env: { ...process.env, HOME: '/nonexistent' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<false>((resolve) => {
    for (const event of ['exit', 'error']) server.once(event, () => resolve(false));
  });
  const isServed = await Promise.race([once(server.stdout, 'data').then(() => true), ended]);
  if (isServed) process.env.PATH = `${folder}:${process.env.PATH}`;
  return async () => {
    server.stdin.end();
    await ended;
    rmSync(folder, { recursive: true });
  };
}
