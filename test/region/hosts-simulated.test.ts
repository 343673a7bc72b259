import { expect, test } from 'vitest';
import { type Behaviour, createSimulatedHosts } from '../../region/hosts/simulated.ts';
import { answer } from '../../region/network/resolver.ts';
import type { Clock } from '../../region/ports.ts';

/** A clock that jumps to each timer as soon as it is set, so that what elapsed can be read. */
function jumpingClock(): Clock {
  let now = 1_000_000;
  return {
    now: () => now,
    after(ms, run) {
      now += ms;
      queueMicrotask(run);
      return () => {};
    },
  };
}

const sha = (letter: string) => letter.repeat(64);

async function setUp() {
  const clock = jumpingClock();
  const hosts = createSimulatedHosts(clock);
  const host = await hosts.launch({ instanceId: 'i-1', zone: 'ap-northeast-1a' });
  const run = (parameters: Record<string, string>) =>
    host.run({ documentName: 'shoal-apply', parameters, script: '', timeoutMs: 120_000 });
  return {
    ...{ clock, hosts, host, run, machine: hosts.machines.get('i-1')! },
    apply: async (sha256: string, intent = '1.1.0') =>
      JSON.parse((await run({ mode: 'apply', sha256, intent, port: '3128', probeUrl: 'https://s3' })).stdout),
  };
}

test('starts, proves and then reconfigures a file', async () => {
  const { apply, host, run } = await setUp();
  expect(await host.accepts(3128, 100)).toBe(false);
  expect(await apply(sha('a'))).toMatchObject({
    outcome: 'proven',
    change: 'start',
    running: sha('a'),
    probe: 'ok',
  });
  expect(await host.accepts(3128, 100)).toBe(true);
  expect(await apply(sha('a'))).toMatchObject({ outcome: 'proven', change: 'none' });
  expect(await apply(sha('b'))).toMatchObject({ outcome: 'proven', change: 'reconfigure', serving: true });
  const check = async (sha256: string) => JSON.parse((await run({ mode: 'check', sha256 })).stdout).outcome;
  expect([await check(sha('b')), await check(sha('a'))]).toEqual(['proven', 'unproven']);
});

test('refuses a lower intent, field by field', async () => {
  const { apply } = await setUp();
  await apply(sha('a'), '1000.10.1');
  for (const lower of ['999.11.1', '1000.9.1', '1000.10.0']) {
    expect(await apply(sha('b'), lower)).toMatchObject({ outcome: 'superseded', running: sha('a') });
  }
  expect(await apply(sha('b'), '1001.1.0')).toMatchObject({ outcome: 'proven', intent: '1001.1.0' });
});

const fates: [Behaviour, fresh: object, serving: object][] = [
  [
    'rejects',
    { outcome: 'rejected', running: null },
    { outcome: 'rejected', running: sha('a'), serving: true },
  ],
  ['dies', { outcome: 'failed', running: null, serving: false }, { outcome: 'restored', running: sha('a') }],
  ['probe-fails', { outcome: 'failed', probe: 'failed' }, { outcome: 'proven', probeFailedBefore: true }],
  ['unable', { outcome: 'unable', running: null }, { outcome: 'unable', running: sha('a') }],
  ['busy', { outcome: 'busy', intent: null }, { outcome: 'busy', intent: '1.1.0' }],
];
test.each(fates)('reports a host that %s as the script would', async (behaviour, fresh, serving) => {
  const first = await setUp();
  first.hosts.behave('*', behaviour);
  expect(await first.apply(sha('b'))).toMatchObject(fresh);
  const second = await setUp();
  await second.apply(sha('a'));
  second.hosts.behave('i-1', behaviour, sha('b'));
  expect(await second.apply(sha('b'))).toMatchObject(serving);
});

test('prefers the behaviour of the instance and the file', async () => {
  const { apply, hosts } = await setUp();
  hosts.behave('*', 'rejects');
  hosts.behave('i-1', 'works');
  expect((await apply(sha('a'))).outcome).toBe('proven');
  hosts.behave('i-1', 'dies', sha('b'));
  expect((await apply(sha('b'))).outcome).toBe('restored');
});

test('times a hanging script out and stays silent when told', async () => {
  const { clock, hosts, run } = await setUp();
  hosts.behave('i-1', 'hangs');
  const began = clock.now();
  expect(await run({ mode: 'apply' })).toMatchObject({ timedOut: true, stdout: '' });
  expect(clock.now() - began).toBe(120_000);
  hosts.behave('i-1', 'silent');
  expect(await run({ mode: 'apply' })).toMatchObject({ timedOut: false, stdout: '', exitCode: 1 });
});

test('ends a cancelled command, and serves nothing when it is stopped', async () => {
  const { apply, host, machine } = await setUp();
  await apply(sha('a'));
  const cancelled = AbortSignal.abort();
  const command = {
    documentName: 'shoal-apply',
    parameters: { mode: 'check' },
    script: '',
    timeoutMs: 1_000,
  };
  expect(await host.run({ ...command, signal: cancelled })).toMatchObject({ exitCode: 137, timedOut: false });
  await host.stop();
  expect(await host.accepts(3128, 100)).toBe(false);
  expect(machine).toMatchObject({ file: sha('a'), running: null });
  await host.start();
  expect(machine).toMatchObject({ running: sha('a'), serving: true });
  await host.stop();
  expect(await apply(sha('a'), '1.2.0')).toMatchObject({ outcome: 'proven', change: 'start' });
});

test('counts connections and remembers when draining began', async () => {
  const { apply, machine, run, clock, host } = await setUp();
  await apply(sha('a'));
  machine.connections = 3;
  const first = JSON.parse((await run({ mode: 'connections' })).stdout);
  expect(first).toMatchObject({ connections: 3, drainingSince: Math.floor(clock.now() / 1000) });
  expect(JSON.parse((await run({ mode: 'connections' })).stdout).drainingSince).toBe(first.drainingSince);
  machine.serving = false;
  expect(await host.accepts(3128, 100)).toBe(false);
  await host.terminate();
  expect(await run({ mode: 'check' })).toMatchObject({ exitCode: 137, timedOut: false });
});

test('answers a DNS query, or none to what is not one', () => {
  const query = (name: string, type: number) =>
    Buffer.concat([
      Buffer.from([0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
      Buffer.from([0, 0, type, 0, 1]),
    ]);
  const resolve = (name: string) => (name === 'known.test' ? '203.0.113.9' : null);
  const summary = (name: string, type: number) => {
    const reply = answer(query(name, type), resolve)!;
    return {
      id: reply.readUInt16BE(0),
      code: reply[3]! & 15,
      answers: reply.readUInt16BE(6),
      end: [...reply.subarray(-4)],
    };
  };
  expect(summary('KNOWN.test', 1)).toEqual({ id: 0xabcd, code: 0, answers: 1, end: [203, 0, 113, 9] });
  expect(summary('known.test', 28)).toMatchObject({ code: 0, answers: 0 });
  expect(summary('unknown.test', 1)).toMatchObject({ code: 3, answers: 0 });
  expect(answer(Buffer.from('nonsense'), resolve)).toBeNull();
  expect(answer(query('known.test', 1).subarray(0, 20), resolve)).toBeNull();
});
