import { expect, test } from 'vitest';
import type { TargetGroup } from '../../shared/aws/targets.ts';
import { preflight } from '../../shared/control/target-group.ts';

const fit: TargetGroup = {
  arn: 'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/demo/0123456789abcdef',
  protocol: 'TCP',
  targetType: 'instance',
  tags: { 'shoal:fleet': 'demo' },
  balancers: 1,
  deregistrationDelayMs: 300_000,
  preserveClientIp: true,
  proxyProtocol: false,
};
const problems = (changes: Partial<TargetGroup>, attached: string[] = []) =>
  preflight({ ...fit, ...changes }, { fleet: 'demo', tag: 'shoal:fleet', attached }).problems;

test('finds nothing wrong with a target group that fits', () => {
  expect(problems({})).toEqual([]);
});

test("refuses a target group that is another fleet's or nobody's", () => {
  expect(problems({ tags: { 'shoal:fleet': 'osaka' } })).toEqual([
    expect.stringContaining('shoal:fleet = demo'),
  ]);
  expect(problems({ tags: {} })).toHaveLength(1);
});

test('refuses one behind which clients cannot be told apart', () => {
  expect(problems({ preserveClientIp: false })).toEqual([expect.stringContaining('preserve_client_ip')]);
  expect(problems({ proxyProtocol: true })).toEqual([expect.stringContaining('proxy_protocol_v2')]);
});

test('refuses one that somebody else registers with', () => {
  expect(problems({}, [fit.arn])).toEqual([expect.stringContaining('detach')]);
});

test('names every problem at once', () => {
  expect(problems({ targetType: 'ip', protocol: 'UDP', preserveClientIp: false })).toHaveLength(3);
});
