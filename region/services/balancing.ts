import type { Context } from '../context.ts';
import { AwsError, arn, region } from '../service.ts';
import { Health, type HealthCheck, routedTargets, type TargetGroup, targetKey } from './health.ts';

export interface LoadBalancer {
  name: string;
  arn: string;
  dnsName: string;
  vpcId: string;
  zones: readonly string[];
  createdAt: number;
  tags: Record<string, string>;
}

export interface Listener {
  arn: string;
  loadBalancerArn: string;
  port: number;
  targetGroupArn: string;
  tags: Record<string, string>;
}

export interface TargetGroupSpec extends Pick<TargetGroup, 'name' | 'port' | 'vpcId' | 'tags'> {
  /** Over AWS's defaults. */
  attributes?: Record<string, string>;
  healthCheck?: Partial<HealthCheck>;
}

const defaultAttributes = {
  'deregistration_delay.timeout_seconds': '300',
  'deregistration_delay.connection_termination.enabled': 'false',
  'load_balancing.cross_zone.enabled': 'use_load_balancer_configuration',
  'preserve_client_ip.enabled': 'true',
  'proxy_protocol_v2.enabled': 'false',
  'stickiness.enabled': 'false',
  'stickiness.type': 'source_ip',
  'target_health_state.unhealthy.connection_termination.enabled': 'true',
  'target_health_state.unhealthy.draining_interval_seconds': '0',
};
const defaultHealthCheck: HealthCheck = {
  intervalSeconds: 30,
  timeoutSeconds: 10,
  healthyThreshold: 5,
  unhealthyThreshold: 2,
  port: 'traffic-port',
};
const notFound = {
  TargetGroupNotFound: 'One or more target groups not found',
  LoadBalancerNotFound: 'One or more load balancers not found',
  ListenerNotFound: 'One or more listeners not found',
};

const retryMs = 1_000;

/** Target groups, load balancers and listeners, and who gets new connections because of them. */
export class Balancing {
  readonly groups = new Map<string, TargetGroup>();
  readonly balancers = new Map<string, LoadBalancer>();
  readonly listeners = new Map<string, Listener>();
  readonly health: Health;
  private readonly context: Context;
  /** What the balancer was last told, by listener port. */
  private readonly routed = new Map<number, string>();

  constructor(context: Context) {
    this.context = context;
    this.health = new Health(context, (group, reset) => this.route(group, reset));
    context.instances.onGone(({ instanceId, state }) => {
      for (const group of this.groups.values()) {
        for (const { id, port } of group.targets.values()) {
          if (id !== instanceId) continue;
          if (state === 'stopped') this.health.suspend(group, targetKey(id, port));
          else this.health.deregister(group, id, port);
        }
      }
    });
  }

  createTargetGroup(spec: TargetGroupSpec): TargetGroup {
    const group: TargetGroup = {
      ...spec,
      arn: this.newArn(`targetgroup/${spec.name}`),
      attributes: { ...defaultAttributes, ...spec.attributes },
      healthCheck: { ...defaultHealthCheck, ...spec.healthCheck },
      targets: new Map(),
    };
    this.groups.set(group.arn, group);
    return group;
  }

  createLoadBalancer(spec: Pick<LoadBalancer, 'name' | 'vpcId' | 'zones' | 'tags'>): LoadBalancer {
    const created = this.newArn(`loadbalancer/net/${spec.name}`);
    const balancer: LoadBalancer = {
      ...spec,
      arn: created,
      dnsName: `${spec.name}-${created.split('/').at(-1)}.elb.${region}.amazonaws.com`,
      createdAt: this.context.clock.now(),
    };
    this.balancers.set(created, balancer);
    return balancer;
  }

  createListener(spec: Omit<Listener, 'arn'>): Listener {
    const resource = spec.loadBalancerArn.split(':loadbalancer/')[1];
    const listener = { ...spec, arn: this.newArn(`listener/${resource}`) };
    this.listeners.set(listener.arn, listener);
    this.refresh();
    return listener;
  }

  /** New connections go to this group from now on; those that are open stay where they are. */
  forward(listener: Listener, targetGroupArn: string): void {
    listener.targetGroupArn = targetGroupArn;
    this.refresh();
  }

  delete(wanted: string): void {
    const listener = this.listeners.get(wanted);
    for (const items of [this.groups, this.balancers, this.listeners]) items.delete(wanted);
    if (!listener) return;
    this.routed.delete(listener.port);
    void this.context.balancer.route(listener.port, []);
    this.refresh();
  }

  find<T>(items: Map<string, T>, wanted: string, code: keyof typeof notFound): T {
    const item = items.get(wanted);
    if (!item) throw new AwsError(code, notFound[code]);
    return item;
  }

  group(wanted: string): TargetGroup {
    return this.find(this.groups, wanted, 'TargetGroupNotFound');
  }

  listenersOf(group: TargetGroup): Listener[] {
    return [...this.listeners.values()].filter(({ targetGroupArn }) => targetGroupArn === group.arn);
  }

  /** Whether a listener of the group has a load balancer in the instance's zone. */
  isUsable(group: TargetGroup, instanceId: string): boolean {
    const zone = this.context.instances.get(instanceId)?.zone ?? '';
    const balancers = this.listenersOf(group).map((listener) => this.balancers.get(listener.loadBalancerArn));
    return balancers.some((balancer) => balancer?.zones.includes(zone));
  }

  private newArn(resource: string): string {
    return arn('elasticloadbalancing', `${resource}/${this.context.ids.hex(16)}`);
  }

  private refresh(): void {
    for (const group of this.groups.values()) this.health.use(group, (id) => this.isUsable(group, id));
  }

  /** Tells the balancer who gets new connections, and only what changes something. */
  private route(group: TargetGroup, reset: string[] = []): void {
    const { balancer, clock, instances } = this.context;
    const { targets, failsOpen } = routedTargets(group, clock.now());
    const addressed = targets.flatMap(({ id, port }) => {
      const address = instances.get(id)?.host?.address;
      return address === undefined ? [] : [{ address, port }];
    });
    // A balancer that fails open has nowhere better to send a flow, so it keeps it.
    const resets = failsOpen ? [] : reset;
    for (const { port } of this.listenersOf(group)) {
      const text = JSON.stringify(addressed);
      if (this.routed.get(port) === text && resets.length === 0) continue;
      this.routed.set(port, text);
      balancer.route(port, addressed, resets).catch(() => {
        // The balancer still has what it had, so it is told again until it takes it.
        this.routed.delete(port);
        clock.after(retryMs, () => this.route(group, reset));
      });
    }
  }
}
