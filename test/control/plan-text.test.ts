import { expect, test } from 'vitest';
import { type PlanFacts, planText } from '../../shared/control/plan-text.ts';
import { guards } from '../../shared/fleet/guards.ts';
import { readSettings } from '../../shared/fleet/parameters.ts';

const id = (number: number) => `i-${String(number).padStart(17, '0')}`;
const nobody = { clients: [], total: 0, unnamed: 0, tunnels: 'closed' } as const;
const quiet: PlanFacts = {
  fleet: 'tokyo',
  says: 'all on live',
  set: {},
  mistakes: [],
  refused: [],
  waves: [],
  cutOff: { ...nobody, clients: [] },
  instances: [],
  differs: [],
  diff: '',
};
const diff = `\
===================================================================
--- 1a2b3c4d5e6f
+++ 9f8e7d6c5b4a
@@ -1,2 +1,2 @@
-acl allowed_src src 10.0.0.0/8
+acl allowed_src src 10.0.0.0/9
`;

test('nothing to do is said in a line', () => {
  expect(planText(quiet, 'shoal')).toBe('plan for tokyo: nothing to roll out (all on live)\n');
});

test('an edit that is not made yet shows waves, whom it cuts off, and the diff', () => {
  const plan: PlanFacts = {
    ...quiet,
    says: 'starting 9f8e7d6c5b4a',
    set: { 'allowed-cidrs': '10.0.0.0/9', 'allowed-cidrs/osaka': '' },
    waves: [
      { name: 'canary', instances: [id(1)], state: 'moving', reason: '0 of 1 proven' },
      { name: 'wave 1', instances: [id(2), id(3)], state: 'waits', reason: 'the waves before it first' },
    ],
    cutOff: {
      ...{ clients: [{ client: '10.200.0.7', instances: [id(1), id(2)] }], total: 3, unnamed: 12 },
      tunnels: 'kept',
    },
    instances: [
      { instance: id(1), step: 'apply', reason: 'rollout of 9f8e7d6c5b4a' },
      { instance: id(9), step: 'register', reason: 'in service and proven, but not registered' },
      { instance: id(8), step: 'nothing', reason: 'Terminating: nothing to do in this state' },
    ],
    diff,
  };
  expect(planText(plan, 'shoal')).toBe(`\
plan for tokyo: 3 instances would move, in 2 waves (starting 9f8e7d6c5b4a)

with edits that have not been made:
  - allowed-cidrs = 10.0.0.0/9
  - allowed-cidrs/osaka deleted

  canary  moving  0 of 1 proven: i-00000000000000001
  wave 1  waits   the waves before it first: i-00000000000000002,
                  i-00000000000000003

clients that are connected now and would be cut off (open tunnels are kept):
  - 10.200.0.7 on i-00000000000000001, i-00000000000000002
  - 2 more of them
  - perhaps some of 12 that their hosts did not name

besides:
  - i-00000000000000009 register: in service and proven, but not registered

from what runs to what the parameters ask for:
--- 1a2b3c4d5e6f
+++ 9f8e7d6c5b4a
@@ -1,2 +1,2 @@
-acl allowed_src src 10.0.0.0/8
+acl allowed_src src 10.0.0.0/9
`);
});

test('what force lifts is refused with the command that lifts it', () => {
  const of = (cidrs: string) => {
    const parameter = (name: string, value: string) => ({ name, value, version: 1, modifiedAt: 0 });
    const arn = 'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/a/0123456789abcdef';
    const read = readSettings([parameter('target-group-arn', arn), parameter('allowed-cidrs', cidrs)]);
    if ('mistakes' in read) throw new Error(JSON.stringify(read.mistakes));
    return read.settings;
  };
  const refused = guards(of('10.0.0.0/8'), of('10.0.0.0/12')).map(({ reason }) => reason);
  const text = planText({ ...quiet, refused, set: { 'allowed-cidrs': '10.0.0.0/12' } }, 'shoal-dev');
  expect(text).toMatch(/^plan for tokyo: REFUSED; all stays as it is\n/);
  expect(text).toContain('\nrefused:\n  - 15728640 of 16777216 allowed addresses go, more than half');
  expect(text).toMatch(
    /\nif it is meant, make the edit and then:\n {4}npm run shoal -- apply tokyo --force --stage dev\n$/,
  );
});

test('what nothing lifts names no command', () => {
  const text = planText({ ...quiet, refused: ['port is fixed once the fleet is live'] }, 'shoal');
  expect(text).toContain('REFUSED');
  expect(text).not.toContain('npm run');
});

test('mistakes come before everything else', () => {
  const mistakes = [{ parameter: 'port', version: 4, problem: '"x" can’t be the proxy’s port' }];
  expect(planText({ ...quiet, mistakes }, 'shoal')).toBe(`\
plan for tokyo: NOT possible, 1 mistake in the parameters; all stays as it is

mistakes in the parameters:
  - port (version 4): "x" can’t be the proxy’s port
`);
});

test('hundreds of clients and waves stay a screen, within 80 columns', () => {
  const clients = Array.from({ length: 100 }, (_, at) => ({
    client: `10.200.0.${at}`,
    instances: Array.from({ length: 9 }, (__, host) => id(host)),
  }));
  const waves = Array.from({ length: 200 }, (_, at) => ({
    ...{ name: `wave ${at + 1}`, instances: [id(at)], state: 'waits' as const, reason: 'first' },
  }));
  const plan = { ...quiet, waves, cutOff: { ...nobody, clients, total: 400, unnamed: 9_000 } };
  const lines = planText(plan, 'shoal').split('\n');
  expect(lines.length).toBeLessThan(60);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines).toContain('  - and 85 more');
  expect(lines).toContain('  - 300 more of them');
  expect(lines).toContain('  200 waves of 200 instances: waits');
});

test('a file that was edited by hand shows the first lines that differ', () => {
  const differs = [
    { instance: id(1), lines: ['-http_access deny all', `+${'http_access allow all '.repeat(5)}`] },
    { instance: id(2), lines: [] },
  ];
  expect(planText({ ...quiet, differs }, 'shoal')).toBe(`\
plan for tokyo: nothing to roll out (all on live)

squid.conf of i-00000000000000001 is not what was proven there last:
    -http_access deny all
    +http_access allow all http_access allow all http_access allow all http_acc…

squid.conf of i-00000000000000002 is not what was proven there last:
    nothing is kept there to compare it with
`);
});
