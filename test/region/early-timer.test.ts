import { expect, test } from 'vitest';
import { fast } from '../../region/pace.ts';
import { Health, routedTargets, type TargetGroup } from '../../region/services/health.ts';

test('a deregistered target is out of the routes though the timer of its lag runs early', () => {
  let now = 0;
  const timers: { at: number; run: () => void }[] = [];
  const clock = {
    now: () => now,
    after: (ms: number, run: () => void) => {
      timers.push({ at: now + ms, run });
      return () => {};
    },
  };
  let routed = Number.NaN;
  const route = (group: TargetGroup) => {
    routed = routedTargets(group, now).targets.length;
  };
  const instances = { get: () => undefined };
  const health = new Health({ clock, pace: fast, instances } as never, route);
  const attributes = { 'deregistration_delay.timeout_seconds': '300' };
  const group = { attributes, targets: new Map(), healthCheck: {} } as unknown as TargetGroup;
  health.register(group, 'i-1', 3128, true);
  health.deregister(group, 'i-1', 3128);
  expect(routed).toBe(1);
  // setTimeout may run a millisecond before Date.now() says that its time has come.
  const lag = timers.find(({ at }) => at === fast.balancerLagMs);
  now = fast.balancerLagMs - 1;
  lag?.run();
  expect(routed).toBe(0);
});
