import type { Context } from '../context.ts';

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

/** Takes targets through their states. `route` is told of each change, and of addresses to reset. */
export class Health {
  private readonly context: Context;
  private readonly route: (group: TargetGroup, reset?: string[]) => void;

  constructor(context: Context, route: (group: TargetGroup, reset?: string[]) => void) {
    this.context = context;
    this.route = route;
  }

  /** Safe twice; a draining target starts over. */
  register(group: TargetGroup, id: string, port: number, usable: boolean): void {
    const key = targetKey(id, port);
    const existing = group.targets.get(key);
    if (existing && existing.state !== 'draining') return;
    existing?.cancel();
    const target: Target = {
      id,
      port,
      state: 'unused',
      reason: 'Target.NotInUse',
      registeredAt: 0,
      successes: 0,
      failures: 0,
      routedUntil: 0,
      cancel: () => {},
    };
    group.targets.set(key, target);
    if (usable) this.begin(group, target);
  }

  /** An absent target is success; one that was never in use goes at once. */
  deregister(group: TargetGroup, id: string, port: number): void {
    const { clock, pace } = this.context;
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
    const delayMs = Number(group.attributes['deregistration_delay.timeout_seconds']) * 1000;
    const cancels = [
      clock.after(pace.balancerLagMs, () => {
        // A timer may run a millisecond before the clock says that its time has come.
        target.routedUntil = 0;
        this.route(group);
      }),
      clock.after(Math.max(delayMs, pace.drainingMs), () => {
        group.targets.delete(key);
        this.route(group, this.toReset(group, id, 'deregistration_delay.connection_termination.enabled'));
      }),
    ];
    target.cancel = () => {
      for (const cancel of cancels) cancel();
    };
    this.route(group);
  }

  /** A target that was stopped stays registered, and is checked anew once it runs again. */
  suspend(group: TargetGroup, key: string): void {
    const target = group.targets.get(key);
    if (!target || target.state === 'draining' || target.state === 'unused') return;
    target.state = 'unused';
    target.reason = 'Target.InvalidState';
    this.route(group);
  }

  /** When a listener came or went, targets come into use or fall out of it. */
  use(group: TargetGroup, usable: (id: string) => boolean): void {
    for (const target of group.targets.values()) {
      if (target.state === 'draining') continue;
      if (target.reason === 'Target.InvalidState') continue;
      if (target.state === 'unused' && usable(target.id)) this.begin(group, target);
      if (target.state !== 'unused' && !usable(target.id)) {
        target.cancel();
        target.state = 'unused';
        target.reason = 'Target.NotInUse';
      }
    }
    this.route(group);
  }

  /** From unused to its first health checks. */
  private begin(group: TargetGroup, target: Target): void {
    target.state = 'initial';
    target.reason = 'Elb.RegistrationInProgress';
    target.registeredAt = this.context.clock.now();
    target.successes = 0;
    target.failures = 0;
    this.checkAfter(group, target, 0);
    this.route(group);
  }

  private checkAfter(group: TargetGroup, target: Target, ms: number): void {
    let cancelled = false;
    const checkNow = async () => {
      const accepted = await this.check(group, target);
      if (cancelled) return;
      if (target.reason === 'Target.InvalidState') {
        if (this.context.instances.get(target.id)?.state === 'running') this.begin(group, target);
        else this.checkAfter(group, target, this.intervalMs(group));
        return;
      }
      target.successes = accepted ? target.successes + 1 : 0;
      target.failures = accepted ? 0 : target.failures + 1;
      this.judge(group, target);
      this.checkAfter(group, target, this.intervalMs(group));
    };
    const cancel = this.context.clock.after(ms, () => void checkNow());
    target.cancel = () => {
      cancelled = true;
      cancel();
    };
  }

  private intervalMs({ healthCheck }: TargetGroup): number {
    return this.context.pace.healthCheckIntervalMs ?? healthCheck.intervalSeconds * 1000;
  }

  /** A connection that can't even be tried is a failed check. */
  private async check({ healthCheck }: TargetGroup, { id, port }: Target): Promise<boolean> {
    const checked = healthCheck.port === 'traffic-port' ? port : Number(healthCheck.port);
    const timeoutMs = Math.min(healthCheck.timeoutSeconds * 1000, this.context.pace.healthCheckTimeoutMs);
    const { host, zone = '' } = this.context.instances.get(id) ?? {};
    if (this.context.faults.downSince(zone) !== undefined) return false;
    return host ? host.accepts(checked, timeoutMs).catch(() => false) : false;
  }

  private judge(group: TargetGroup, target: Target): void {
    const { clock, pace } = this.context;
    const { healthyThreshold, unhealthyThreshold } = group.healthCheck;
    const initial = target.state === 'initial';
    if (initial) target.reason = 'Elb.InitialHealthChecking';
    if (initial && clock.now() - target.registeredAt < pace.initialMs) return;
    const enough = initial ? (pace.initialChecks ?? healthyThreshold) : healthyThreshold;
    if (target.state !== 'healthy' && target.successes >= enough) {
      target.state = 'healthy';
      target.reason = undefined;
      this.route(group);
    } else if (target.state !== 'unhealthy' && target.failures >= unhealthyThreshold) {
      target.state = 'unhealthy';
      target.reason = 'Target.FailedHealthChecks';
      const attribute = 'target_health_state.unhealthy.connection_termination.enabled';
      this.route(group, this.toReset(group, target.id, attribute));
    }
  }

  private toReset(group: TargetGroup, id: string, attribute: string): string[] {
    const address = this.context.instances.get(id)?.host?.address;
    return address !== undefined && group.attributes[attribute] === 'true' ? [address] : [];
  }
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
