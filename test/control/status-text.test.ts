import { expect, test } from 'vitest';
import type { FleetReport, InstanceReport } from '../../shared/control/status.ts';
import { statusText } from '../../shared/control/status-text.ts';

type Facts = Omit<FleetReport, 'text'>;

const live = { sha256: '1a2b3c4d5e6f'.padEnd(64, '0'), since: Date.parse('2026-11-24T09:12:31Z') };
const next = '9f8e7d6c5b4a'.padEnd(64, '0');
const rollout = { sha256: next, forced: false, startedAt: live.since, unhealthyBefore: [], build: 1 };
const rejected = {
  sha256: next,
  settings: 's',
  instance: 'i-00000000000000002',
  reason: 'squid -k parse fails: FATAL: Bungled /etc/squid/squid.conf line 41: acl clients src 10.0.0.0/99',
  at: live.since + 180_000,
};
const id = (number: number) => `i-${String(number).padStart(17, '0')}`;
const one = (number: number, extra: Partial<InstanceReport> = {}): InstanceReport => ({
  instance: id(number),
  zone: `ap-northeast-1${'acd'[number % 3]}`,
  lifecycle: 'InService',
  target: 'healthy',
  running: live.sha256,
  config: live.sha256.slice(0, 12),
  age: 12 * 86_400,
  tunnels: null,
  host: 'proven',
  trouble: null,
  next: null,
  ...extra,
});
const many = (count: number) => Array.from({ length: count }, (_, number) => one(number));
const well: Facts = {
  fleet: 'tokyo',
  well: true,
  serving: true,
  says: 'all on live',
  since: live.since,
  live,
  rejected: null,
  rollout: null,
  waves: [],
  mistakes: [],
  problems: [],
  instances: [one(1), one(2), one(3)],
};
const ailing: Facts = { ...well, well: false, since: null };
const textOf = (facts: Facts, prefix = 'shoal') => statusText(facts, facts.says, prefix);
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

test('a well fleet says since when, and who runs what', () => {
  expect(textOf(well)).toBe(`\
well since 2026-11-24 09:12 UTC: 3 of 3 in service on 1a2b3c4d5e6f
fleet tokyo

  INSTANCE             ZONE             LIFECYCLE  CONFIG  AGE  TARGET
  i-00000000000000001  ap-northeast-1c  InService  live    12d  healthy
  i-00000000000000002  ap-northeast-1d  InService  live    12d  healthy
  i-00000000000000003  ap-northeast-1a  InService  live    12d  healthy
`);
});

test('a rollout says its waves, and is not well yet', () => {
  const waves: Facts['waves'] = [
    { name: 'canary', instances: [id(1)], state: 'done', reason: 'proven' },
    { name: 'wave 1', instances: [id(2), id(3)], state: 'moving', reason: '1 of 2 proven' },
    { name: 'wave 2', instances: [id(4), id(5)], state: 'waits', reason: 'the waves before it first' },
  ];
  const moved = { running: next, config: next.slice(0, 12) };
  const pending = { lifecycle: 'Pending:Wait', target: 'not registered', host: 'unknown' };
  const instances = [
    one(1, moved),
    one(2, { ...moved, target: 'initial' }),
    one(3),
    one(4, { ...pending, running: null, config: null, age: 40, next: 'waiting for its agent' }),
  ];
  const says = 'rolling out 9f8e7d6c5b4a: 2 of 5, wave 1';
  const text = textOf({ ...ailing, says, rollout: { ...rollout, forced: true }, waves, instances });
  expect(text).toBe(`\
NOT well yet: rolling out 9f8e7d6c5b4a: 2 of 5, wave 1
fleet tokyo: live is 1a2b3c4d5e6f since 2026-11-24 09:12 UTC

  INSTANCE             ZONE  LIFECYCLE     CONFIG  AGE  TARGET
  i-00000000000000001  1c    InService     new     12d  healthy
  i-00000000000000002  1d    InService     new     12d  initial
  i-00000000000000003  1a    InService     live    12d  healthy
  i-00000000000000004  1c    Pending:Wait  ?       40s  not registered
    waiting for its agent

rollout of 9f8e7d6c5b4a, begun 2026-11-24 09:12 UTC, forced
  canary  done    proven: i-00000000000000001
  wave 1  moving  1 of 2 proven: i-00000000000000002, i-00000000000000003
  wave 2  waits   the waves before it first: i-00000000000000004,
                  i-00000000000000005
`);
});

test('a rejection says who, when, why and how to go on', () => {
  const says = `rejected on ${rejected.instance}: ${rejected.reason}`;
  expect(textOf({ ...ailing, says, rejected, instances: [one(1)] }, 'shoal-dev')).toBe(`\
NOT well: rejected on i-00000000000000002: squid -k parse fails: FATAL: Bungled
          /etc/squid/squid.conf line 41: acl clients src 10.0.0.0/99
fleet tokyo: live is 1a2b3c4d5e6f since 2026-11-24 09:12 UTC

  INSTANCE             ZONE             LIFECYCLE  CONFIG  AGE  TARGET
  i-00000000000000001  ap-northeast-1c  InService  live    12d  healthy

rejected: 9f8e7d6c5b4a
  who   on i-00000000000000002, 2026-11-24 09:15 UTC
  why   squid -k parse fails: FATAL: Bungled /etc/squid/squid.conf line 41: acl
        clients src 10.0.0.0/99
  next  mend the parameters; or, to try the same again:
          npm run shoal -- apply tokyo --stage dev
`);
});

test('a reversal says what it goes back to', () => {
  const trouble = 'runs neither live nor what is being rolled out';
  const instances = [one(1), one(2, { running: next, config: next.slice(0, 12), trouble })];
  const facts = { ...ailing, says: 'going back to 1a2b3c4d5e6f', rejected, rollout, instances };
  expect(textOf(facts)).toContain(`\
NOT well: going back to 1a2b3c4d5e6f; something is wrong with 1 of 2 instances
`);
  expect(textOf(facts)).toContain(`\
! i-00000000000000002  ap-northeast-1d  InService  rejected  12d  healthy
    runs neither live nor what is being rolled out

rejected: 9f8e7d6c5b4a, and being undone: going back to 1a2b3c4d5e6f
`);
  expect(textOf(facts)).not.toContain('rollout of');
});

test('what a person has to mend stands there with its fix', () => {
  const instances = [
    one(1, { tunnels: 'kept' }),
    one(2, {
      ...{ target: 'unhealthy', running: null, config: null, host: 'unproven no Squid serves the port' },
      trouble: 'target unhealthy (Target.FailedHealthChecks); no Squid serves the port',
    }),
  ];
  const problems = ['no listener forwards to the target group: add one'];
  expect(textOf({ ...ailing, instances, problems })).toBe(`\
NOT well: something is wrong with 1 of 2 instances; 1 thing to be mended
fleet tokyo: live is 1a2b3c4d5e6f since 2026-11-24 09:12 UTC

  INSTANCE             ZONE             LIFECYCLE  CONFIG  AGE  TARGET
  i-00000000000000001  ap-northeast-1c  InService  live    12d  healthy
! i-00000000000000002  ap-northeast-1d  InService  none    12d  unhealthy
    target unhealthy (Target.FailedHealthChecks); no Squid serves the port

to be mended:
  - no listener forwards to the target group: add one

open tunnels of clients that are not allowed any more, which the kernel cannot
close:
  - i-00000000000000001
`);
});

test('mistakes are named with their version', () => {
  const mistakes = [
    { parameter: 'allowed-cidrs/osaka', version: 3, problem: '172.31.0.0/33 is no IPv4 network' },
    { parameter: null, version: null, problem: 'the config is too large' },
  ];
  const text = textOf({ ...ailing, says: 'parameters broken: …', mistakes });
  expect(text.split('\n')[0]).toBe('NOT well: 2 mistakes in the parameters');
  expect(text).toContain(`
mistakes in the parameters, none of which is in force:
  - allowed-cidrs/osaka (version 3): 172.31.0.0/33 is no IPv4 network
  - the config is too large
`);
});

test('twenty instances in long states stay within 80 columns', () => {
  const long = { lifecycle: 'Warmed:Terminating:Wait', target: 'unhealthy.draining', running: next };
  const instances = many(20).map((it) => ({
    ...it,
    ...long,
    config: next.slice(0, 12),
    next: 'x'.repeat(99),
  }));
  const problems = [
    `a word without an end: ${'y'.repeat(200)}`,
    'a reason\u001b[31m with\ncontrol characters',
  ];
  const text = textOf({ ...ailing, instances, problems, says: 'z '.repeat(300), rollout });
  expect(widest(text)).toBe(80);
  expect(text).toContain('  - a reason [31m with control characters\n');
  expect(instances.every(({ instance }) => text.includes(instance))).toBe(true);
});

test('a thousand instances are counted, and only those with something wrong named', () => {
  const trouble = { trouble: 'target unhealthy (Target.Timeout)', target: 'unhealthy' };
  const instances = many(1000).map((it, index) => (index < 30 ? { ...it, ...trouble } : it));
  const waves: Facts['waves'] = Array.from({ length: 100 }, (_, wave) => ({
    name: `wave ${wave + 1}`,
    instances: many(10).map(({ instance }) => instance),
    state: wave < 3 ? 'done' : wave === 3 ? 'moving' : 'waits',
    reason: wave === 3 ? '4 of 10 proven' : 'proven',
  }));
  const says = 'rolling out 9f8e7d6c5b4a: 34 of 1000, wave 4';
  const text = textOf({ ...ailing, says, instances, rollout, waves });
  expect(text).toContain(`
1000 instances
  lifecycle  1000 InService
  config     1000 live
  target     970 healthy, 30 unhealthy
  zone       334 ap-northeast-1a, 333 ap-northeast-1c, 333 ap-northeast-1d

something is wrong with 30 of them
`);
  expect(text).toContain(`
  3 waves of 30 instances: done
  wave 4  moving  4 of 10 proven: i-00000000000000000, i-00000000000000001,
                  i-00000000000000002, i-00000000000000003, i-00000000000000004,
                  i-00000000000000005, and 4 more
  96 waves of 960 instances: waits
`);
  expect(text).toContain('\n  and 10 more\n');
  expect(text.split('\n').filter((line) => line.startsWith('! '))).toHaveLength(20);
  expect(widest(text)).toBeLessThanOrEqual(80);
  expect(text.split('\n').length).toBeLessThan(70);
  expect(textOf({ ...well, instances: many(1000) }).split('\n')[0]).toBe(
    'well since 2026-11-24 09:12 UTC: 1000 of 1000 in service on 1a2b3c4d5e6f',
  );
});
