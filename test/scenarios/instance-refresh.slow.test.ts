import { afterEach, expect, test } from 'vitest';
import { type Virtual, type VirtualOptions, virtualRegion } from './virtual-region.ts';

/** A new machine image: every instance is replaced, or keeps all but its disk, and no client notices. */

let region: Virtual;
afterEach(() => region.close());

const autoscaling = <T>(operation: string, input: object = {}): T =>
  region.world.autoscaling.service.operations[operation]?.(
    { AutoScalingGroupName: 'shoal-demo', ...input },
    { identity: 'administrator', accessKeyId: 'x', requestId: 'x' },
  ) as T;
const refresh = () =>
  autoscaling<{ InstanceRefreshes: { Status: string; PercentageComplete: number }[] }>(
    'DescribeInstanceRefreshes',
  ).InstanceRefreshes[0];
const ids = () => region.instances().map(({ id }) => id);
const healthy = () => region.targets().filter(({ state }) => state === 'healthy').length;

async function settledFleet(options: VirtualOptions = {}) {
  region = await virtualRegion({ capacity: 3, ...options });
  await region.settled();
  region.logs.length = 0;
}

/** Until the refresh is over; the fewest targets that were healthy meanwhile. */
async function over(): Promise<number> {
  let fewest = healthy();
  await region.until('the refresh is over', () => {
    fewest = Math.min(fewest, healthy());
    return refresh()?.Status === 'Successful';
  });
  return fewest;
}

/** Each instance in service runs live, and was proven on the disk that it has. */
function allProven() {
  const live = region.status()?.live?.sha256;
  for (const { id } of region.inService())
    expect(region.hosts.machines.get(id)).toMatchObject({ running: live, proven: { sha256: live } });
  expect(region.inService()).toHaveLength(3);
  expect(region.failures).toEqual([]);
}

/** What was done to it, and by which function. */
const done = (id: string) =>
  region.logs
    .filter(
      ({ instance, step }) => instance === id && /^(apply|register|deregister|complete)$/.test(`${step}`),
    )
    .map(({ step, function: by }) => `${by} ${step}`);
const steps = (id: string) => done(id).map((line) => line.split(' ')[1]);

test('a new image comes in before the old one goes', async () => {
  await settledFleet();
  const before = ids();
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  const Preferences = { MinHealthyPercentage: 100, MaxHealthyPercentage: 110, InstanceWarmup: 1 };
  autoscaling('StartInstanceRefresh', { Preferences });
  await region.until('an old one drains', () => region.targets().some(({ state }) => state === 'draining'));
  // Its client is waited for.
  expect(ids().filter((id) => before.includes(id))).toHaveLength(3);
  for (const machine of region.hosts.machines.values()) machine.connections = 0;
  expect(await over()).toBeGreaterThanOrEqual(3);
  expect(ids().filter((id) => before.includes(id))).toEqual([]);
  for (const id of before) expect(steps(id)).toEqual(['deregister', 'complete']);
  for (const id of ids()) expect(steps(id)).toEqual(['apply', 'register', 'complete']);
  allProven();
});

test('a new image that cannot take what is live leaves the old instances in service', async () => {
  await settledFleet();
  const before = ids();
  region.hosts.behave('*', 'rejects');
  const Preferences = { MinHealthyPercentage: 100, MaxHealthyPercentage: 110 };
  autoscaling('StartInstanceRefresh', { Preferences });
  const given = () => region.logs.filter(({ result }) => result === 'ABANDON');
  await region.until('three launches are given up', () => given().length >= 3);
  expect(new Set(given().map(({ cause }) => cause))).toEqual(new Set(['file']));
  expect(region.inService().map(({ id }) => id)).toEqual(before);
  expect(healthy()).toBe(3);
  autoscaling('CancelInstanceRefresh');
  await region.until('it is cancelled', () => refresh()?.Status === 'Cancelled');
  expect(ids()).toEqual(before);
  allProven();
});

test.each([
  ['by its events', ['drain', 'admit'], {}],
  [
    'by the sweep alone',
    ['reconcile', 'reconcile'],
    { deliver: ({ 'detail-type': type }) => (type.includes('Lifecycle') ? 0 : 1) },
  ],
] satisfies [string, string[], VirtualOptions][])(
  'one whose root volume is replaced is drained and admitted anew, %s',
  async (_, [out, back], options) => {
    await settledFleet(options);
    const before = ids();
    Object.assign(region.world.autoscaling.group('shoal-demo') ?? {}, { mixedInstances: true });
    const Overrides = [{ InstanceType: 't4g.small', ImageId: 'ami-1' }];
    autoscaling('StartInstanceRefresh', {
      Strategy: 'ReplaceRootVolume',
      DesiredConfiguration: { MixedInstancesPolicy: { LaunchTemplate: { Overrides } } },
      Preferences: { MinHealthyPercentage: 60, InstanceWarmup: 1 },
    });
    expect(await over()).toBe(2);
    expect(ids().sort()).toEqual(before.sort());
    const drained = [`${out} deregister`, `${out} complete`];
    const admitted = [`${back} apply`, `${back} register`, `${back} complete`];
    for (const id of before) expect(done(id)).toEqual([...drained, ...admitted]);
    allProven();
  },
);
