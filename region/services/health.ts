import type { Context } from '../world.ts';

export interface HealthCheck {
  intervalSeconds: number;
  timeoutSeconds: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
  /** A port number, or the target's own. */
  port: string;
}

export interface TargetGroup {
  name: string;
  arn: string;
  port: number;
  vpcId: string;
  tags: Record<string, string>;
  attributes: Record<string, string>;
  healthCheck: HealthCheck;
  targets: Map<string, Target>;
}

export interface Target {
  id: string;
  port: number;
  state: 'initial' | 'healthy' | 'unhealthy' | 'draining' | 'unused';
  reason: string | undefined;
  registeredAt: number;
  /** Consecutive results of the same kind. */
  successes: number;
  failures: number;
  /** A draining target gets new connections until then. */
  routedUntil: number;
  /** Stops whatever is scheduled for it. */
  cancel: () => void;
}

export const targetKey = (id: string, port: number): string => `${id}:${port}`;

/** Takes targets through their states; `route` is told of each change and of addresses to reset. */
export function createHealth(context: Context, route: (group: TargetGroup, reset?: string[]) => void) {
  const { clock, pace, instances } = context;

  /** Safe twice; a draining target starts over. */
  function register(group: TargetGroup, id: string, port: number, usable: boolean): void {
    const key = targetKey(id, port);
    const existing = group.targets.get(key);
    if (existing && existing.state !== 'draining') return;
    existing?.cancel();
    const target: Target = {
      id,
      port,
      state: 'unused',
      reason: 'Target.NotInUse',
      registeredAt: clock.now(),
      successes: 0,
      failures: 0,
      routedUntil: 0,
      cancel: () => {},
    };
    group.targets.set(key, target);
    if (usable) begin(group, target);
  }

  /** From unused to its first health checks. */
  function begin(group: TargetGroup, target: Target): void {
    target.state = 'initial';
    target.reason = 'Elb.RegistrationInProgress';
    target.registeredAt = clock.now();
    target.successes = 0;
    target.failures = 0;
    checkLater(group, target, 0);
    route(group);
  }

  function checkLater(group: TargetGroup, target: Target, ms: number): void {
    target.cancel = clock.after(ms, () => void check(group, target));
  }

  async function check(group: TargetGroup, target: Target): Promise<void> {
    const { healthCheck } = group;
    const port = healthCheck.port === 'traffic-port' ? target.port : Number(healthCheck.port);
    const timeoutMs = Math.min(healthCheck.timeoutSeconds * 1000, pace.healthCheckTimeoutMs);
    const host = instances.get(target.id)?.host;
    const accepted = host ? await host.accepts(port, timeoutMs).catch(() => false) : false;
    if (target.state === 'draining' || target.state === 'unused') return;
    target.successes = accepted ? target.successes + 1 : 0;
    target.failures = accepted ? 0 : target.failures + 1;
    judge(group, target);
    checkLater(group, target, pace.healthCheckIntervalMs ?? healthCheck.intervalSeconds * 1000);
  }

  function judge(group: TargetGroup, target: Target): void {
    const { healthyThreshold, unhealthyThreshold } = group.healthCheck;
    const initial = target.state === 'initial';
    if (initial) target.reason = 'Elb.InitialHealthChecking';
    if (initial && clock.now() - target.registeredAt < pace.initialMs) return;
    const enough = initial ? (pace.initialChecks ?? healthyThreshold) : healthyThreshold;
    if (target.state !== 'healthy' && target.successes >= enough) {
      target.state = 'healthy';
      target.reason = undefined;
      route(group);
    } else if (target.state !== 'unhealthy' && target.failures >= unhealthyThreshold) {
      const address = instances.get(target.id)?.host?.address;
      const reset =
        group.attributes['target_health_state.unhealthy.connection_termination.enabled'] === 'true';
      target.state = 'unhealthy';
      target.reason = 'Target.FailedHealthChecks';
      route(group, reset && address !== undefined ? [address] : []);
    }
  }

  /** An absent target is success; one that was never in use goes at once. */
  function deregister(group: TargetGroup, id: string, port: number): void {
    const key = targetKey(id, port);
    const target = group.targets.get(key);
    if (!target || target.state === 'draining') return;
    target.cancel();
    if (target.state === 'unused') {
      group.targets.delete(key);
      return;
    }
    target.state = 'draining';
    target.reason = 'Target.DeregistrationInProgress';
    target.routedUntil = clock.now() + pace.balancerLagMs;
    const lagEnds = clock.after(pace.balancerLagMs, () => route(group));
    const delayMs = Number(group.attributes['deregistration_delay.timeout_seconds']) * 1000;
    const drained = clock.after(Math.max(delayMs, pace.drainingMs), () => {
      group.targets.delete(key);
      const terminate = group.attributes['deregistration_delay.connection_termination.enabled'] === 'true';
      const address = instances.get(id)?.host?.address;
      route(group, terminate && address !== undefined ? [address] : []);
    });
    target.cancel = () => {
      lagEnds();
      drained();
    };
    route(group);
  }

  /** When a listener came or went, targets come into use or fall out of it. */
  function use(group: TargetGroup, usable: (target: Target) => boolean): void {
    for (const target of group.targets.values()) {
      if (target.state === 'draining') continue;
      if (target.state === 'unused' && usable(target)) begin(group, target);
      if (target.state !== 'unused' && !usable(target)) {
        target.cancel();
        target.state = 'unused';
        target.reason = 'Target.NotInUse';
      }
    }
  }

  return { register, deregister, use };
}

/** Who gets new connections: the healthy ones, or with none of them everybody (it fails open). */
export function routedTargets(group: TargetGroup, now: number): { targets: Target[]; failsOpen: boolean } {
  const all = [...group.targets.values()];
  const registered = all.filter(
    ({ state }) => state === 'initial' || state === 'healthy' || state === 'unhealthy',
  );
  const healthy = registered.filter(({ state }) => state === 'healthy');
  const leaving = all.filter(({ state, routedUntil }) => state === 'draining' && routedUntil > now);
  const failsOpen = healthy.length === 0;
  return { targets: [...(failsOpen ? registered : healthy), ...leaving], failsOpen };
}
