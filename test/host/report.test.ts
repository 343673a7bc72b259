import { expect, test } from 'vitest';
import { createSimulatedHosts } from '../../region/hosts/simulated.ts';
import { parseReport } from '../../shared/host/report.ts';

const old =
  '{"mode":"check","outcome":"proven","phase":"done","reason":"","running":null,"file":null,"intent":null,' +
  '"serving":true,"probe":"none","squid":"6.13","ms":{"lock":3}}';

test('a report of a script that named no clients is read', () => {
  const report = parseReport(`${old}\n`);
  expect(report).toMatchObject({ mode: 'check', outcome: 'proven' });
  expect(report).not.toHaveProperty('clients');
});

test('clients of one network are named by their last numbers', () => {
  const list = '"clients":["10.0.0.9,7,200","fd00::1,fd00::2","10.0.1.1","10.0.2.1,300,x"],"ms"';
  expect(parseReport(old.replace('"ms"', list))).toMatchObject({
    clients: ['10.0.0.9', '10.0.0.7', '10.0.0.200', 'fd00::1', 'fd00::2', '10.0.1.1', '10.0.2.1'],
  });
});

test.each([
  ['', 'the host printed nothing'],
  ['Killed', 'the host printed something that is no report: "Killed"'],
  [old.replace('check', 'chick'), /^the host's report has a wrong mode: /],
  [old.replace('"ms"', '"clients":[7],"ms"'), /^the host's report has a wrong clients\.0: /],
])('%j is no report', (output, problem) => {
  expect(parseReport(output)).toEqual(typeof problem === 'string' ? problem : expect.stringMatching(problem));
});

test('simulated hosts name their clients, and tunnels that were kept, as the script does', async () => {
  const after = (_: number, run: () => void) => {
    queueMicrotask(run);
    return () => {};
  };
  const hosts = createSimulatedHosts({ now: () => 60_000, after });
  const host = await hosts.launch({ instanceId: 'i-1', zone: 'ap-northeast-1a' });
  const report = async (parameters: Record<string, string>) =>
    parseReport(
      (await host.run({ documentName: 'shoal-apply', parameters, script: '', timeoutMs: 1_000 })).stdout,
    );
  const apply = { mode: 'apply', sha256: 'a'.repeat(64), intent: '1.1.0' };
  expect(await report({ mode: 'check' })).not.toHaveProperty('provenSince');
  expect(await report(apply)).toMatchObject({ closed: 0, tunnels: 'closed', provenSince: 60 });
  expect(await report({ ...apply, revoke: 'keep' })).not.toHaveProperty('tunnels');
  hosts.behave('i-1', 'keeps-tunnels');
  expect(await report(apply)).toMatchObject({ outcome: 'proven', tunnels: 'kept' });
  hosts.machines.get('i-1')!.clients = Array.from({ length: 60 }, (_, index) => `10.0.0.${index}`);
  const check = await report({ mode: 'check' });
  expect(check).toMatchObject({ outcome: 'proven', clientsTotal: 60 });
  expect(check).toHaveProperty('clients.39', '10.0.0.39');
  expect(check).not.toHaveProperty('clients.40');
});
