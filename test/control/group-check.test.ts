import { expect, test } from 'vitest';
import type { Group, Hook } from '../../shared/aws/groups.ts';
import { groupProblems, hookOf } from '../../shared/control/group-check.ts';

const tag = 'shoal:fleet';
const fit: Group = {
  ...{ name: 'demo', arn: 'arn', tags: { [tag]: 'demo' }, instances: [], attached: [] },
  ...{ suspended: [], propagated: [tag] },
};
const hooks: Hook[] = [
  { name: 'shoal-launch', transition: 'autoscaling:EC2_INSTANCE_LAUNCHING', heartbeatMs: 1 },
  { name: 'shoal-terminate', transition: 'autoscaling:EC2_INSTANCE_TERMINATING', heartbeatMs: 1 },
];
const found = (change: Partial<Group>, read: Hook[] | null = hooks) =>
  groupProblems({ ...fit, ...change }, read, 'shoal', tag);

test('a group as infra/fleet.yml makes it has no problem', () => {
  expect(found({})).toEqual([]);
});

test.each<[string, Partial<Group>, Hook[] | null, string, RegExp]>([
  [
    'suspended processes',
    { suspended: ['AZRebalance', 'Launch'] },
    hooks,
    'suspended processes',
    /Launch susp/,
  ],
  ['a tag that stays behind', { propagated: [] }, hooks, 'instance tags', /set PropagateAtLaunch/],
  [
    'no launch hook',
    {},
    hooks.slice(1),
    'lifecycle hooks',
    /no hook shoal-launch .* before they are proven: add it/,
  ],
  [
    'a launch hook for the wrong transition',
    {},
    [{ ...hooks[1]!, name: 'shoal-launch' }, hooks[1]!],
    'lifecycle hooks',
    /no hook shoal-launch for autoscaling:EC2_INSTANCE_LAUNCHING/,
  ],
  ['no terminate hook', {}, hooks.slice(0, 1), 'lifecycle hooks', /go without draining: add it/],
])('%s is named with its fix', (_, change, read, thing, reason) => {
  expect(found(change, read)).toEqual([{ thing, reason: expect.stringMatching(reason) }]);
});

test('what may rest for a while, and hooks that were not read, are no problem', () => {
  expect(found({ suspended: ['AZRebalance', 'ScheduledActions'] }, null)).toEqual([]);
});

test('the shorter of both hooks counts for one bound for the warm pool', () => {
  const [launch, terminate] = hooks as [Hook, Hook];
  const uneven = [
    { ...launch, heartbeatMs: 600_000 },
    { ...terminate, heartbeatMs: 30_000 },
  ];
  const name = 'shoal-launch';
  expect(hookOf(uneven, 'shoal', 'Pending:Wait')).toEqual({ name, heartbeatMs: 600_000 });
  expect(hookOf(uneven, 'shoal', 'Warmed:Pending:Wait')).toEqual({ name, heartbeatMs: 30_000 });
  expect(hookOf([launch], 'shoal', 'Warmed:Pending:Wait')).toEqual({ name, heartbeatMs: 1 });
  expect(hookOf([launch], 'shoal', 'ReplacingRootVolume:Wait')).toBeNull();
});
