import { afterEach, expect, test } from 'vitest';
import { type RolloutRegion, rolloutRegion } from './rollout-bed.ts';

/** What is read half-way, gone, or put back by hand: parameters first, then the operator's own state. */

let region: RolloutRegion;
afterEach(() => region.close());

const wide = '172.31.0.0/24,172.31.9.0/24';
const domains = '.amazonaws.com,.example.com';
const liveHash = () => region.status()?.live?.sha256 ?? '';
const hasEnded = () => region.status()?.rollout === undefined;
const ids = () => region.group().map(({ instanceId }) => instanceId);
const rolledOut = () => region.story().filter((line) => line.includes('→')).length;

async function settled(capacity: number, rollout = 'canary=1,wave=2') {
  region = await rolloutRegion({ capacity });
  region.put('demo', 'rollout', rollout);
  await region.settled();
}

async function edit(name: string, value: string) {
  const before = liveHash();
  region.put('demo', name, value);
  await region.until('the edit is live', () => liveHash() !== before && hasEnded());
}

test.each(['short-pages', 'stale-reads'] as const)(
  '%s of parameters start no rollout',
  async (kind) => {
    await settled(2);
    await edit('allowed-cidrs', wide);
    await edit('allowed-domains', domains);
    region.world.faults.add({ kind, subject: '/shoal/', rate: 0.5 });
    region.moves.length = 0;
    await region.pass(300);
    region.world.faults.clear();
    await region.pass(30);
    expect(region.story().at(-1)).toBe('C');
    expect(rolledOut()).toBe(3);
    expect(region.moves).toEqual([]);
  },
  60_000,
);

const hidden = '/shoal/demo/private-destinations';

/** A replica that lags doesn't know this parameter: in pages, and where `byName` says so when it is asked for. */
function hide(inPages: () => boolean, byName: () => boolean) {
  const { operations } = region.world.wire.services.get('ssm')!;
  for (const [operation, isHidden] of [
    ['GetParametersByPath', inPages],
    ['GetParameters', byName],
  ] as const) {
    const read = operations[operation]!;
    operations[operation] = (input, call) => {
      const answer = read(input, call) as { Parameters: { Name: string }[] };
      if (!isHidden()) return answer;
      return { ...answer, Parameters: answer.Parameters.filter(({ Name }) => Name !== hidden) };
    };
  }
}

test('a parameter that is missing from every page counts as there when it is found by its name', async () => {
  await settled(2);
  await edit('private-destinations', '10.9.0.0/16');
  let reads = 0;
  hide(
    () => ++reads > 0,
    () => false,
  );
  await region.pass(120);
  expect(reads).toBeGreaterThan(20);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B']);
});

test('a parameter that is missing for less than a second, to every question, starts no rollout', async () => {
  await settled(2);
  await edit('private-destinations', '10.9.0.0/16');
  // A sweep begins each five seconds; its second look comes after the debounce time.
  const lags = () => Date.now() % 5_000 < 800;
  hide(lags, lags);
  await region.pass(120);
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B']);
});

test('a parameter that is gone is taken as deleted after a second look', async () => {
  await settled(2);
  await edit('private-destinations', '10.9.0.0/16');
  region.remove('/shoal/demo/private-destinations');
  await region.until('it is live without it', () => region.story().at(-1) === 'A');
  expect(region.story()).toEqual(['nothing → A', 'A', 'A → B', 'B', 'B → A', 'A']);
});

test('a deletion whose event is lost is found by the sweep', async () => {
  region = await rolloutRegion({
    capacity: 2,
    deliver: ({ detail }) => (detail.operation === 'Delete' ? 0 : 1),
  });
  await region.settled();
  await edit('private-destinations', '10.9.0.0/16');
  region.remove('/shoal/demo/private-destinations');
  await region.until('it is live without it', () => region.story().at(-1) === 'A');
});

test('an edit of two parameters, seen one before the other, is rolled out once', async () => {
  await settled(2);
  await edit('allowed-domains', domains);
  region.put('demo', 'allowed-cidrs', wide);
  await region.pass(0.6);
  region.put('demo', 'allowed-domains', `${domains},.example.org`);
  await region.until('both are live', () => region.story().at(-1) === 'C');
  expect(rolledOut()).toBe(3);
});

test('goes back by hand to what came from parameters that have been deleted since', async () => {
  await settled(3, 'canary=1,wave=1');
  await edit('private-destinations', '10.9.0.0/16');
  const former = liveHash();
  region.remove('/shoal/demo/private-destinations');
  await edit('allowed-cidrs', wide);
  expect(region.story().at(-1)).toBe('C');
  region.moves.length = 0;
  await region.invoke({ fleet: 'demo', mode: 'rollback', to: former.slice(0, 12) });
  expect(region.story().slice(-2)).toEqual(['C → B, not C', 'B, not C']);
  expect(region.waves(former).map((wave) => wave.length)).toEqual([1, 1, 1]);
  await region.pass(600);
  expect(region.story().at(-1)).toBe('B, not C');
  expect(region.running()).toBe('BBB');
  // A new machine gets what was gone back to.
  region.capacity(4);
  await region.until('four are in service', () => region.inService().length === 4);
  expect(region.running()).toBe('BBBB');
  await edit('allowed-cidrs', '172.31.0.0/24,172.31.8.0/24');
  expect(region.story().at(-1)).toBe('D');
});

test('a way back by hand that fails ends on live, though the fleet is paused', async () => {
  await settled(3, 'canary=1,wave=1');
  const former = liveHash();
  await edit('allowed-cidrs', wide);
  const last = region
    .group()
    .toSorted((a, b) => (a.zone < b.zone ? -1 : 1))
    .at(-1);
  region.hosts.behave(last?.instanceId ?? '', 'dies', former);
  region.put('demo', 'paused', 'yes');
  region.moves.length = 0;
  await region.invoke({ fleet: 'demo', mode: 'rollback' });
  await region.until('it is undone', () => region.status()?.rollout === undefined);
  expect(region.story().slice(-3)).toEqual(['B → A, not B', 'B ← A', 'B, not A']);
  // Two had moved.
  expect(region.waves(former)).toHaveLength(3);
  expect(region.running()).toBe('BBB');
  expect(region.status()?.rejected?.reason).toContain('Squid died');
});

const epochOf = (id: string) => Number(region.hosts.machines.get(id)?.intent?.split('.')[0]);

test('a status that is deleted at rest is rebuilt from what the hosts run', async () => {
  await settled(3);
  await edit('allowed-cidrs', wide);
  const epoch = region.status()?.epoch ?? 0;
  region.moves.length = 0;
  region.remove('/shoal-state/demo/status');
  await region.until('it is back', () => region.statusOf('demo') !== null);
  expect(region.story()).toEqual(['B']);
  expect(region.status()?.epoch).toBeGreaterThan(epoch);
  await region.pass(60);
  expect(region.moves).toEqual([]);
  await edit('allowed-cidrs', '172.31.0.0/24,172.31.8.0/24');
  for (const id of ids()) expect(epochOf(id)).toBe(region.status()?.epoch);
});

/** What the operator remembers of the fleet: everything, or what is below a path. */
function forget(below = '') {
  const found = region.world.parameters.service.operations.GetParametersByPath?.(
    { Path: `/shoal-state/demo/${below}`, Recursive: true, MaxResults: 10 },
    { identity: 'administrator', accessKeyId: 'x', requestId: 'x' },
  ) as { Parameters: { Name: string }[] };
  for (const { Name } of found.Parameters) region.remove(Name);
}

test('with all state gone, what the parameters say goes on if most hosts run it', async () => {
  await settled(3);
  await edit('allowed-cidrs', wide);
  forget();
  await region.until('it is back', () => region.statusOf('demo') !== null);
  await region.pass(30);
  expect(region.story()).toEqual(['B']);
  expect(region.running()).toBe('BBB');
});

test('with all state gone and other parameters, somebody has to ask, and launches are held', async () => {
  await settled(3);
  region.put('demo', 'paused', 'yes');
  region.put('demo', 'allowed-cidrs', wide);
  await region.pass(10);
  forget();
  region.capacity(4);
  await region.pass(60);
  expect(region.statusOf('demo')).toBeNull();
  expect(region.inService()).toHaveLength(3);
  expect(region.running()).toBe('AAAnothing');
  const plan = await region.invoke({ fleet: 'demo', mode: 'plan' });
  expect(plan.says).toContain('the state was lost');
  region.put('demo', 'paused', 'no');
  await region.invoke({ fleet: 'demo', mode: 'apply' });
  await region.until('four run it', () => region.inService().length === 4 && region.running() === 'BBBB');
});

test('a lost part of what is live is missed by nobody while the parameters render it', async () => {
  await settled(3);
  forget(`config/${liveHash()}/`);
  region.capacity(4);
  await region.until('a fourth serves', () => region.inService().length === 4);
  expect(region.running()).toBe('AAAA');
});

test('a lost part of what is live holds launches while the parameters say something else', async () => {
  await settled(3);
  region.put('demo', 'paused', 'yes');
  region.put('demo', 'allowed-cidrs', wide);
  await region.pass(10);
  forget(`config/${liveHash()}/`);
  region.capacity(4);
  await region.pass(60);
  expect(region.inService()).toHaveLength(3);
  expect(region.running()).toBe('AAAnothing');
  region.put('demo', 'paused', 'no');
  await region.invoke({ fleet: 'demo', mode: 'apply' });
  await region.until('four run it', () => region.inService().length === 4 && region.running() === 'BBBB');
});

test('a status that is deleted in the middle of a rollout ends on one config everywhere', async () => {
  await settled(5, 'canary=1,wave=2,soak=5');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('three have moved', () => region.running() === 'AABBB');
  region.remove('/shoal-state/demo/status');
  await region.until('all run what the parameters say', () => region.running() === 'BBBBB' && hasEnded());
  expect(region.story().at(-1)).toBe('B');
  expect(region.targets().every(({ state }) => state === 'healthy')).toBe(true);
});

test('an early loss in the middle of a rollout goes back to the old, and rolls out again', async () => {
  await settled(5, 'canary=1,wave=2,soak=5');
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('the canary has moved', () => region.running() === 'AAAAB');
  region.remove('/shoal-state/demo/status');
  await region.until('all run what the parameters say', () => region.running() === 'BBBBB' && hasEnded());
  expect(region.story()).toEqual(['A', 'A → B', 'B']);
});

test('a status that is put back by hand begins a new epoch, and hosts follow it', async () => {
  await settled(2);
  const old = region.status();
  await edit('allowed-cidrs', wide);
  await edit('allowed-cidrs', '172.31.0.0/24,172.31.8.0/24');
  region.remove('/shoal-state/demo/status');
  region.world.parameters.put({
    Name: '/shoal-state/demo/status',
    Value: JSON.stringify(old),
    Type: 'String',
  });
  await region.until(
    'what the parameters say is live again',
    () => region.story().at(-1) === 'C' && hasEnded(),
  );
  expect(region.status()?.epoch).toBeGreaterThan(old?.epoch ?? 0);
  expect(region.running()).toBe('CC');
  expect(region.failures).toEqual([]);
});
