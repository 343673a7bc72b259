import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRecord, stateDirectory } from '../../region/state.ts';
import {
  createFolder,
  expectNothingLeft,
  finish,
  folder,
  leftOvers,
  port,
  region,
  removeFolder,
  said,
  start,
  up,
} from './cli-bed.ts';

beforeAll(createFolder);
afterAll(removeFolder);

test('down removes what a killed region has left', async () => {
  const starting = start(['up', '--port', String(port), '--package', folder]);
  await said(starting, 'healthy');
  expect(leftOvers().filter((line) => /squid|sandbox-runtime/.test(line))).not.toEqual([]);
  // Stopped first, so that it can't clear up itself.
  starting.kill('SIGSTOP');
  process.kill(readRecord(stateDirectory(port))!.pid, 'SIGKILL');
  starting.kill('SIGKILL');
  expect(await region('down')).toMatchObject({ code: 0 });
  await expectNothingLeft();
});

test('up clears up after a region that is killed', async () => {
  const starting = start(['up', '--port', String(port), '--package', folder]);
  await said(starting, 'Pending');
  const result = finish(starting);
  process.kill(readRecord(stateDirectory(port))!.pid, 'SIGKILL');
  expect(await result).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the region ended: SIGKILL'),
  });
  await expectNothingLeft();
});

test('an interrupted up leaves nothing behind', async () => {
  const starting = start(['up', '--port', String(port), '--package', folder]);
  await said(starting, 'Pending');
  starting.kill('SIGKILL');
  await expect.poll(leftOvers, { timeout: 20_000 }).toEqual([]);
  await region('down');
  await expectNothingLeft();
});

test('of two that start at once one comes up, and the other says so', async () => {
  const both = await Promise.all([up(), up()]);
  expect(both.map(({ code }) => Number(code)).sort((a, b) => a - b)).toEqual([0, 1]);
  expect(both.find(({ code }) => code === 1)?.stderr).toMatch(/is being started|runs on port/);
  expect((await region('status')).stdout).toContain('says      all on live');
  await region('down');
}, 60_000);

test('a taken port is named with the way out', async () => {
  const server = createServer().listen(port, '127.0.0.1');
  const result = await up();
  await new Promise((resolve) => server.close(resolve));
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(`port ${port} of 127.0.0.1 is taken: choose another one with --port`);
  await expectNothingLeft();
});

test('a package that is missing is named', async () => {
  const result = await region('up', '--package', '/nonexistent');
  expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('/nonexistent/.serverless/') });
  await expectNothingLeft();
});
