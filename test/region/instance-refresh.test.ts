import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { advance, startGroup } from './autoscaling-bed.ts';
import { launchHook, terminateHook } from './bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

type Bed = ReturnType<typeof startGroup>;
const latest = ({ call }: Bed) =>
  call<{ InstanceRefreshes: Record<string, unknown>[] }>('DescribeInstanceRefreshes').InstanceRefreshes[0];
const ids = ({ group }: Bed) => group.members.map(({ instanceId }) => instanceId);
const both = [launchHook, terminateHook];

async function start(extra: Parameters<typeof startGroup>[0], input = {}) {
  const bed = startGroup(extra);
  await advance();
  for (const { actions } of bed.group.members) actions[0]?.complete('CONTINUE');
  await advance();
  bed.call('StartInstanceRefresh', input);
  return bed;
}

/** Lets go on whatever a hook holds. */
async function release({ group }: Bed) {
  for (const { actions } of group.members) actions[0]?.complete('CONTINUE');
  await advance();
}

test('replaces one after another, each through both hooks and warmed up', async () => {
  const bed = await start({ desiredCapacity: 2, hooks: both }, { Preferences: { InstanceWarmup: 60 } });
  const before = ids(bed);
  expect(latest(bed)).toMatchObject({ Status: 'Pending', Strategy: 'Rolling', PercentageComplete: 0 });
  for (const done of [0, 1]) {
    await advance();
    expect(bed.states().sort()).toEqual(['InService', 'Pending:Wait', 'Terminating:Wait']);
    expect(latest(bed)).toMatchObject({ Status: 'InProgress', InstancesToUpdate: 2 - done });
    await release(bed);
    expect(bed.states()).toEqual(['InService', 'InService']);
    await advance(done === 0 ? 60_000 : 58_000);
  }
  expect(latest(bed)).toMatchObject({ Status: 'InProgress', PercentageComplete: 50 });
  await advance(2_000);
  expect(latest(bed)).toMatchObject({ Status: 'Successful', InstancesToUpdate: 0 });
  expect(ids(bed).filter((id) => before.includes(id))).toEqual([]);
});

test('takes as many together as the least healthy percentage leaves', async () => {
  const bed = await start({ desiredCapacity: 4 }, { Preferences: { MinHealthyPercentage: 50 } });
  const before = ids(bed);
  await advance(250);
  expect(bed.states().filter((state) => state === 'InService')).toHaveLength(2);
  await advance(10_000);
  expect(latest(bed)?.Status).toBe('Successful');
  expect(ids(bed).filter((id) => before.includes(id))).toEqual([]);
});

test('launches first where more than the desired capacity may be healthy', async () => {
  const Preferences = { MinHealthyPercentage: 100, MaxHealthyPercentage: 150 };
  const bed = await start({ desiredCapacity: 2, hooks: both }, { Preferences });
  const before = ids(bed);
  await advance();
  expect(bed.states()).toEqual(['InService', 'InService', 'Pending:Wait']);
  for (let rounds = 0; rounds < 6 && latest(bed)?.Status === 'InProgress'; rounds++) {
    expect(bed.states().filter((state) => state === 'InService').length).toBeGreaterThanOrEqual(2);
    await release(bed);
  }
  expect(latest(bed)?.Status).toBe('Successful');
  expect(bed.states()).toEqual(['InService', 'InService']);
  expect(ids(bed).filter((id) => before.includes(id))).toEqual([]);
});

test('cancelled, it ends what it has begun and begins nothing more', async () => {
  const bed = await start({ desiredCapacity: 2, hooks: both });
  const before = ids(bed);
  await advance();
  bed.call('CancelInstanceRefresh');
  await advance();
  expect(latest(bed)?.Status).toBe('Cancelling');
  await release(bed);
  expect(latest(bed)).toMatchObject({ Status: 'Cancelled', InstancesToUpdate: 1 });
  expect(ids(bed).filter((id) => before.includes(id))).toHaveLength(1);
  expect(() => bed.call('CancelInstanceRefresh')).toThrow(
    'No in progress or pending Instance Refresh found for Auto Scaling group proxies',
  );
});

test('one at a time, and none that asks for the impossible', async () => {
  const bed = await start({ desiredCapacity: 1, hooks: both });
  expect(() => bed.call('StartInstanceRefresh')).toThrow(/already in progress and blocks the execution/);
  const Preferences = { MaxHealthyPercentage: 150 };
  expect(() => bed.call('StartInstanceRefresh', { Preferences })).toThrow(/needs a MinHealthyPercentage/);
});

test('waits an hour for an instance in standby, and fails', async () => {
  const bed = startGroup({ desiredCapacity: 2 });
  await advance();
  const [one] = ids(bed);
  bed.call('EnterStandby', { InstanceIds: [one], ShouldDecrementDesiredCapacity: true });
  await advance();
  bed.call('StartInstanceRefresh');
  await advance(60_000);
  expect(latest(bed)).toMatchObject({ Status: 'InProgress', StatusReason: expect.stringMatching(/Standby/) });
  expect(ids(bed)).toContain(one);
  await advance(3_600_000);
  expect(latest(bed)).toMatchObject({ Status: 'Failed', StatusReason: expect.stringMatching(/Standby/) });
});

const Overrides = [{ InstanceType: 't4g.small', ImageId: 'ami-1' }];
const newDisk = {
  Strategy: 'ReplaceRootVolume',
  DesiredConfiguration: { MixedInstancesPolicy: { LaunchTemplate: { Overrides } } },
};

test('a root volume is replaced between the terminate hooks and the launch hooks', async () => {
  const bed = await start({ desiredCapacity: 1, hooks: both, mixedInstances: true }, newDisk);
  const [id = ''] = ids(bed);
  bed.events.length = 0;
  await advance();
  expect(bed.states()).toEqual(['ReplacingRootVolume:Wait']);
  bed.group.members[0]?.actions[0]?.complete('CONTINUE');
  await advance(150);
  expect(bed.states()).toEqual(['RootVolumeReplaced']);
  expect(bed.world.instances.get(id)?.agentOnlineAt).toBeGreaterThan(Date.now());
  await advance();
  expect(bed.states()).toEqual(['Pending:Wait']);
  await release(bed);
  expect(bed.states()).toEqual(['InService']);
  expect(ids(bed)).toEqual([id]);
  expect(latest(bed)?.Status).toBe('Successful');
  const events = bed.events.filter((event) => event['detail-type'].endsWith('Lifecycle Action'));
  const { Origin, Destination, Action } = {
    Origin: 'AutoScalingGroup',
    Destination: 'AutoScalingGroup',
    Action: 'ReplaceRootVolume',
  };
  expect(events.map(({ detail }) => detail)).toMatchObject([
    { LifecycleTransition: terminateHook.transition, EC2InstanceId: id, Origin, Destination, Action },
    { LifecycleTransition: launchHook.transition, EC2InstanceId: id, Origin, Destination, Action },
  ]);
});

test('a machine that is not let back into service after that is replaced', async () => {
  const bed = await start({ desiredCapacity: 1, hooks: both, mixedInstances: true }, newDisk);
  const [id] = ids(bed);
  await advance();
  await release(bed);
  bed.group.members[0]?.actions[0]?.complete('ABANDON');
  await advance(5_000);
  expect(bed.states()).toEqual(['Terminating:Wait', 'Pending:Wait']);
  expect(bed.group.members[0]?.instanceId).toBe(id);
});

test('a group whose disks cannot be replaced is refused', async () => {
  const version = (of: string) => ({ launchTemplate: { id: 'lt-1', name: 'lt', version: of } });
  const refused = (extra: Parameters<typeof startGroup>[0], input: object = newDisk) =>
    expect(() => startGroup(extra).call('StartInstanceRefresh', input));
  refused({}).toThrow(/must use a mixed instances policy/);
  refused({ mixedInstances: true }, { Strategy: 'ReplaceRootVolume' }).toThrow(/have an ImageId each/);
  refused({ mixedInstances: true, ...version('$Latest') }).toThrow(/must be a number/);
  const { call } = startGroup({ mixedInstances: true, ...version('1') });
  call('PutWarmPool', { MinSize: 0 });
  expect(() => call('StartInstanceRefresh', newDisk)).toThrow(/has a warm pool/);
});
