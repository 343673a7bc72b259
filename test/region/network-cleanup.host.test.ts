import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { createNetwork } from '../../region/network/network.ts';
import { cleanUp, startTime } from '../../region/network/processes.ts';

const directory = join(tmpdir(), `shoal-cleanup-${process.pid}`);

test('spares a directory that is alive or not a region', async () => {
  const network = await createNetwork(directory);
  await expect(createNetwork(directory)).rejects.toThrow('a region runs in');
  const other = join(directory, 'processes');
  await expect(cleanUp(other)).rejects.toThrow("is not a region's directory");
  expect(existsSync(other)).toBe(true);
  await network.close();
  expect(existsSync(directory)).toBe(false);
  await expect(cleanUp(directory)).resolves.toBeUndefined();
});

describe('a region that died', () => {
  /** Makes a network with a host and a client in a process of its own, and prints their pids. */
  async function startRegion(folder: string): Promise<{ region: ChildProcess; pids: number[] }> {
    const root = new URL('../../region/', import.meta.url);
    const program = `
      const { createNetwork } = await import('${root}network/network.ts');
      const { createNamespaceHosts } = await import('${root}hosts/namespaces.ts');
      const { startClient } = await import('${root}network/client.ts');
      const { readdirSync } = await import('node:fs');
      const network = await createNetwork('${folder}');
      await createNamespaceHosts(network).launch({ instanceId: 'i-0', zone: 'ap-northeast-1a' });
      await startClient('${folder}', { command: ['sleep', '68'], stdio: 'ignore' });
      console.log(JSON.stringify(readdirSync('${folder}/processes').map(Number)));
      setInterval(() => {}, 1000);`;
    const region = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface({ input: region.stdout! }), 'line');
    return { region, pids: JSON.parse(line) };
  }

  const alive = (pids: number[]) => pids.filter((pid) => startTime(pid) !== null);

  test('leaves no process but the client commands, which clean-up ends', async () => {
    const folder = `${directory}-killed`;
    const { region, pids } = await startRegion(folder);
    expect(alive(pids)).toHaveLength(4);
    region.kill('SIGKILL');
    await expect.poll(() => alive(pids).length, { timeout: 5000 }).toBe(1);
    await cleanUp(folder);
    expect(alive(pids)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  }, 20_000);

  test('that only hangs is ended by its record', async () => {
    const folder = `${directory}-stopped`;
    const { region, pids } = await startRegion(folder);
    region.kill('SIGSTOP');
    await cleanUp(folder);
    expect(alive(pids)).toEqual([]);
    region.kill('SIGKILL');
  }, 20_000);
});
