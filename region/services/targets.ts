import * as model from '@aws-sdk/client-elastic-load-balancing-v2';
import { targetLimits } from '../limits.ts';
import { page } from '../pages.ts';
import { AwsError, arn, region, type Service } from '../service.ts';
import type { Context } from '../world.ts';
import {
  createHealth,
  type HealthCheck,
  routedTargets,
  type Target,
  type TargetGroup,
  targetKey,
} from './health.ts';
import {
  describeListener,
  describeLoadBalancer,
  describeTargetGroup,
  describeTargetHealth,
} from './targets-described.ts';

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

export interface Targets {
  service: Service;
  createTargetGroup(spec: TargetGroupSpec): TargetGroup;
  createLoadBalancer(spec: Pick<LoadBalancer, 'name' | 'vpcId' | 'zones' | 'tags'>): LoadBalancer;
  createListener(spec: Omit<Listener, 'arn'>): Listener;
  /** Any of the three, by its ARN; safe twice. */
  delete(arn: string): void;
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

/** Elastic Load Balancing v2 for Network Load Balancers with instance targets over TCP. */
export function createTargets(context: Context): Targets {
  const groups = new Map<string, TargetGroup>();
  const balancers = new Map<string, LoadBalancer>();
  const listeners = new Map<string, Listener>();
  const health = createHealth(context, route);
  const routing = new Map<number, { targets: string; done: Promise<void> }>();

  /** Tells the balancer who gets new connections, in order, and only what changes something. */
  function route(group: TargetGroup, reset: string[] = []): void {
    const { targets, failsOpen } = routedTargets(group, context.clock.now());
    const addressed = targets.flatMap(({ id, port }) => {
      const host = context.instances.get(id)?.host;
      return host ? [{ address: host.address, port }] : [];
    });
    // A balancer that fails open has nowhere better to send a flow, so it keeps it.
    const kept = failsOpen ? [] : reset;
    for (const listener of listenersOf(group)) {
      const last = routing.get(listener.port);
      const text = JSON.stringify(addressed);
      if (last?.targets === text && kept.length === 0) continue;
      const before = last?.done ?? Promise.resolve();
      const done = before.then(() => context.balancer.route(listener.port, addressed, kept));
      routing.set(listener.port, { targets: text, done });
    }
  }

  const listenersOf = (group: TargetGroup) =>
    [...listeners.values()].filter(({ targetGroupArn }) => targetGroupArn === group.arn);

  const isUsable = (group: TargetGroup) => (target: Pick<Target, 'id'>) => {
    const zone = context.instances.get(target.id)?.zone ?? '';
    return listenersOf(group).some((listener) =>
      balancers.get(listener.loadBalancerArn)?.zones.includes(zone),
    );
  };

  context.instances.onGone((instance) => {
    for (const group of groups.values()) {
      for (const { id, port } of group.targets.values()) {
        if (id === instance.instanceId) health.deregister(group, id, port);
      }
    }
  });

  function find<T>(items: Map<string, T>, arns: string[], code: keyof typeof notFound): T[] {
    return arns.map((wanted) => {
      const item = items.get(wanted);
      if (!item) throw new AwsError(code, notFound[code]);
      return item;
    });
  }

  function tagged(wanted: string): { tags: Record<string, string> } {
    if (wanted.includes(':targetgroup/')) return findGroup(wanted);
    if (wanted.includes(':listener/')) return find(listeners, [wanted], 'ListenerNotFound')[0]!;
    return find(balancers, [wanted], 'LoadBalancerNotFound')[0]!;
  }

  const findGroup = (wanted: string) => find(groups, [wanted], 'TargetGroupNotFound')[0]!;

  function checkTargets(targets: model.TargetDescription[]): void {
    for (const { Id: id } of targets) {
      const instance = context.instances.get(id ?? '');
      if (!instance) throw new AwsError('InvalidTarget', `Instance ID '${id}' is not valid`);
      if (instance.state === 'running') continue;
      const list = `The following targets are not in a running state and cannot be registered: '${id}'`;
      throw new AwsError('InvalidTarget', list);
    }
  }

  const operations: Service['operations'] = {
    RegisterTargets({ TargetGroupArn: wanted, Targets: targets }) {
      const group = findGroup(wanted);
      checkTargets(targets);
      for (const { Id: id, Port: port } of targets) {
        health.register(group, id, port ?? group.port, isUsable(group)({ id }));
      }
      return {};
    },
    DeregisterTargets({ TargetGroupArn: wanted, Targets: targets }) {
      const group = findGroup(wanted);
      for (const { Id: id, Port: port } of targets) {
        const registered = [...group.targets.values()].filter(
          (target) => target.id === id && (port ?? target.port) === target.port,
        );
        for (const target of registered) health.deregister(group, id, target.port);
      }
      return {};
    },
    DescribeTargetHealth({ TargetGroupArn: wanted, Targets: asked }) {
      const group = findGroup(wanted);
      const registered = [...group.targets.values()];
      const found = asked
        ? asked.map(
            ({ Id: id, Port: port = group.port }: model.TargetDescription) =>
              group.targets.get(targetKey(id ?? '', port)) ?? { id: id ?? '', port },
          )
        : registered;
      return {
        TargetHealthDescriptions: found.map((target: Target) => describeTargetHealth(group, target)),
      };
    },
    DescribeTargetGroups(input) {
      const named = input.TargetGroupArns
        ? find(groups, input.TargetGroupArns, 'TargetGroupNotFound')
        : byName(groups, input.Names, 'TargetGroupNotFound');
      const balancersOf = (group: TargetGroup) =>
        listenersOf(group).map((listener) => listener.loadBalancerArn);
      if (input.LoadBalancerArn) find(balancers, [input.LoadBalancerArn], 'LoadBalancerNotFound');
      const found = named.filter(
        (group) => !input.LoadBalancerArn || balancersOf(group).includes(input.LoadBalancerArn),
      );
      const { items, next } = page(found, input.Marker, input.PageSize ?? 400, 'ValidationError');
      return {
        TargetGroups: items.map((group) => describeTargetGroup(group, balancersOf(group))),
        NextMarker: next,
      };
    },
    DescribeTargetGroupAttributes: ({ TargetGroupArn: wanted }) => ({
      Attributes: Object.entries(findGroup(wanted).attributes).map(([Key, Value]) => ({ Key, Value })),
    }),
    DescribeLoadBalancers(input) {
      const found = input.LoadBalancerArns
        ? find(balancers, input.LoadBalancerArns, 'LoadBalancerNotFound')
        : byName(balancers, input.Names, 'LoadBalancerNotFound');
      const { items, next } = page(found, input.Marker, input.PageSize ?? 400, 'ValidationError');
      return { LoadBalancers: items.map(describeLoadBalancer), NextMarker: next };
    },
    DescribeListeners({ LoadBalancerArn: balancer, ListenerArns: arns, Marker: marker, PageSize: size }) {
      if (!balancer && !arns) {
        const message = 'You must specify either listener ARNs or a load balancer ARN';
        throw new AwsError('ValidationError', message);
      }
      if (balancer) find(balancers, [balancer], 'LoadBalancerNotFound');
      const named = arns ? find(listeners, arns, 'ListenerNotFound') : [...listeners.values()];
      const found = named.filter((listener) => !balancer || listener.loadBalancerArn === balancer);
      const { items, next } = page(found, marker, size ?? 400, 'ValidationError');
      return { Listeners: items.map(describeListener), NextMarker: next };
    },
    DescribeTags: ({ ResourceArns: arns }: { ResourceArns: string[] }) => ({
      TagDescriptions: arns.map((wanted) => ({
        ResourceArn: wanted,
        Tags: Object.entries(tagged(wanted).tags).map(([Key, Value]) => ({ Key, Value })),
      })),
    }),
  };
  const hex = () => context.ids.hex(16);
  const elb = (resource: string) => arn('elasticloadbalancing', resource);
  const refresh = () => {
    for (const group of groups.values()) {
      health.use(group, isUsable(group));
      route(group);
    }
  };
  return {
    service: {
      name: 'elbv2',
      model,
      client: new model.ElasticLoadBalancingV2Client({ region }),
      operations,
      limits: targetLimits,
    },
    createTargetGroup(spec) {
      const group: TargetGroup = {
        ...spec,
        arn: elb(`targetgroup/${spec.name}/${hex()}`),
        attributes: { ...defaultAttributes, ...spec.attributes },
        healthCheck: { ...defaultHealthCheck, ...spec.healthCheck },
        targets: new Map(),
      };
      groups.set(group.arn, group);
      return group;
    },
    createLoadBalancer(spec) {
      const suffix = hex();
      const balancer: LoadBalancer = {
        ...spec,
        arn: elb(`loadbalancer/net/${spec.name}/${suffix}`),
        dnsName: `${spec.name}-${suffix}.elb.${region}.amazonaws.com`,
        createdAt: context.clock.now(),
      };
      balancers.set(balancer.arn, balancer);
      return balancer;
    },
    createListener(spec) {
      const listener = {
        ...spec,
        arn: `${spec.loadBalancerArn.replace(':loadbalancer/', ':listener/')}/${hex()}`,
      };
      listeners.set(listener.arn, listener);
      refresh();
      return listener;
    },
    delete(wanted) {
      const listener = listeners.get(wanted);
      groups.delete(wanted);
      balancers.delete(wanted);
      listeners.delete(wanted);
      if (!listener) return;
      const done = routing.get(listener.port)?.done ?? Promise.resolve();
      routing.delete(listener.port);
      void done.then(() => context.balancer.route(listener.port, []));
      refresh();
    },
  };
}

function byName<T extends { name: string }>(
  items: Map<string, T>,
  names: string[] | undefined,
  code: keyof typeof notFound,
): T[] {
  if (!names?.length) return [...items.values()];
  return names.map((name) => {
    const item = [...items.values()].find((candidate) => candidate.name === name);
    if (!item) throw new AwsError(code, notFound[code]);
    return item;
  });
}
