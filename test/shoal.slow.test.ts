import { afterAll, beforeAll, expect, test } from 'vitest';
import { runShoal, type ShoalRegion, shoalRegion } from './shoal-bed.ts';

/** The command as a process, against the region over HTTP. One region for all, since a fleet takes seconds. */
let region: ShoalRegion;
beforeAll(async () => {
  region = await shoalRegion();
  region.addFleet('demo');
  await region.well('demo');
}, 60_000);
afterAll(() => region.close());

const wide = '172.31.0.0/24,10.0.0.0/8';

test('status prints the only fleet, well', async () => {
  const { code, stdout, stderr } = await region.shoal('status');
  expect(stdout).toMatch(/^well since .*: 2 of 2 in service on [0-9a-f]{12}\nfleet demo\n/);
  expect([code, stderr]).toEqual([0, '']);
});

test('status as JSON is the operator’s whole answer', async () => {
  const { code, stdout } = await region.shoal('status', 'demo', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    fleet: 'demo',
    well: true,
    live: { sha256: region.live('demo') },
  });
  expect(code).toBe(0);
});

test('plan says that nothing is to do', async () => {
  const { code, stdout } = await region.shoal('plan', 'demo');
  expect(stdout).toMatch(/^plan for demo: nothing to roll out/);
  expect(code).toBe(0);
});

test('plan tries edits that are not made', async () => {
  const before = region.live('demo');
  const { code, stdout } = await region.shoal('plan', '--set', `allowed-cidrs=${wide}`);
  expect(stdout).toContain(`- allowed-cidrs = ${wide}`);
  expect(stdout).toMatch(/^\+acl allowed_src src 10\.0\.0\.0\/8$/m);
  expect(code).toBe(0);
  expect(region.live('demo')).toBe(before);
});

test('plan of a mistake ends with 1', async () => {
  const { code, stdout } = await region.shoal('plan', '--set', 'port=x', '--set', `allowed-cidrs=${wide}`);
  expect(stdout).toContain('NOT possible, 1 mistake in the parameters');
  expect(code).toBe(1);
});

test('apply and rollback without a terminal ask for --yes and change nothing', async () => {
  const before = region.live('demo');
  for (const name of ['apply', 'rollback']) {
    const { code, stdout, stderr } = await region.shoal(name, 'demo');
    expect(stderr).toContain('--yes goes on without');
    expect([code, stdout]).toEqual([2, '']);
  }
  expect(region.live('demo')).toBe(before);
});

test('apply rolls out, follows, and ends well; rollback goes back', { timeout: 60_000 }, async () => {
  const before = region.live('demo');
  region.put('demo', 'allowed-cidrs', wide);
  const applied = await region.shoal('apply', 'demo', '--yes');
  const after = region.live('demo');
  expect(after).not.toBe(before);
  expect(applied.stdout).toMatch(/^plan for demo: /);
  expect(applied.stdout).toContain(`\nwell since`);
  expect([applied.code, applied.stderr]).toEqual([0, '']);

  const back = await region.shoal('rollback', 'demo', '--to', before.slice(0, 12), '--yes', '--json');
  expect(region.live('demo')).toBe(before);
  expect(JSON.parse(back.stdout)).toMatchObject({ well: false, serving: true, live: { sha256: before } });
  expect(back.stderr).toContain('What the parameters say counts as rejected then.');
  expect(back.code).toBe(0);
  expect((await region.shoal('status')).code).toBe(1);
});

test('apply of what hosts cannot take ends with 1 and its reason', { timeout: 60_000 }, async () => {
  region.hosts.behave('*', 'dies');
  region.put('demo', 'allowed-cidrs', `${wide},192.168.0.0/24`);
  const { code, stdout } = await region.shoal('apply', 'demo', '--yes');
  region.hosts.behave('*', 'works');
  expect(stdout).toMatch(/\nrejected: [0-9a-f]{12}\n {2}who {3}on i-/);
  expect(stdout).toContain('  why   Squid died: FATAL\n');
  expect(code).toBe(1);
});

test('rollback to what never was live names what was', { timeout: 60_000 }, async () => {
  const { code, stderr } = await region.shoal('rollback', 'demo', '--to', 'abc', '--yes');
  expect(stderr).toContain(region.live('demo').slice(0, 12));
  expect(code).toBe(2);
});

test.each([
  ['a fleet that is not there', ['status', 'osaka'], 'there is no fleet osaka: there is demo'],
  ['another stage', ['status', '--stage', 'dev'], 'there is no fleet here: --stage and --region say'],
  ['an edit without a value', ['plan', '--set', 'port'], '--set port: expected NAME=VALUE'],
  ['an option of another command', ['status', '--force'], "Unknown option '--force'"],
  ['two fleets', ['status', 'a', 'b'], 'one fleet at a time, not a and b'],
  ['an unknown command', ['stats'], 'there is no command stats'],
])('%s could not be told: exit 2', async (_, words, message) => {
  const { code, stdout, stderr } = await region.shoal(...words);
  expect(stderr).toContain(message);
  expect([code, stdout]).toEqual([2, '']);
});

test('several fleets have to be chosen from', async () => {
  region.addFleet('osaka');
  const { code, stderr } = await region.shoal('status');
  expect(stderr).toBe('shoal status: which fleet? there are demo, osaka\n');
  expect(code).toBe(2);
});

test('no region, no AWS region and no credentials say what to do', async () => {
  const none = await runShoal(['status', '--local', '--port', '1']);
  expect(none.stderr).toBe('shoal status: no region runs on port 1: npm run region -- up starts one\n');
  const nowhere = await runShoal(['status']);
  expect(nowhere.stderr).toBe('shoal status: no region: --region or AWS_REGION says which\n');
  const nobody = await runShoal(['status', '--region', 'eu-west-1'], { AWS_EC2_METADATA_DISABLED: 'true' });
  expect(nobody.stderr).toContain('shoal status: no AWS credentials: sign in, or set AWS_PROFILE');
  expect([none.code, nowhere.code, nobody.code]).toEqual([2, 2, 2]);
});

test('help fits a terminal', async () => {
  const { code, stdout } = await runShoal(['--help']);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(code).toBe(0);
});
