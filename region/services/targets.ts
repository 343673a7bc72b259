import * as model from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Context } from '../context.ts';
import { targetLimits } from '../limits.ts';
import { page } from '../pages.ts';
import { AwsError, region, type Service } from '../service.ts';
import { Balancing, type Listener, type LoadBalancer, type TargetGroupSpec } from './balancing.ts';
import { type TargetGroup, targetKey } from './health.ts';
import {
  describeListener,
  describeLoadBalancer,
  describeTargetGroup,
  describeTargetHealth,
} from './targets-described.ts';

export interface Targets {
  service: Service;
  createTargetGroup(spec: TargetGroupSpec): TargetGroup;
  createLoadBalancer(spec: Pick<LoadBalancer, 'name' | 'vpcId' | 'zones' | 'tags'>): LoadBalancer;
  createListener(spec: Omit<Listener, 'arn'>): Listener;
  targetGroupTags(arn: string): Record<string, string> | undefined;
  /** Any of the three, by its ARN; safe twice. */
  delete(arn: string): void;
}

/** Elastic Load Balancing v2 for Network Load Balancers with instance targets over TCP. */
export function createTargets(context: Context): Targets {
  const balancing = new Balancing(context);
  return {
    service: {
      name: 'elbv2',
      model,
      client: new model.ElasticLoadBalancingV2Client({ region }),
      operations: {
        ...targetOperations(context, balancing),
        ...changes(balancing),
        ...groupLookUps(balancing),
        ...balancerLookUps(balancing),
      },
      limits: targetLimits,
    },
    createTargetGroup: (spec) => balancing.createTargetGroup(spec),
    createLoadBalancer: (spec) => balancing.createLoadBalancer(spec),
    createListener: (spec) => balancing.createListener(spec),
    targetGroupTags: (arn) => balancing.groups.get(arn)?.tags,
    delete: (arn) => balancing.delete(arn),
  };
}

const targetOperations = (context: Context, balancing: Balancing): Service['operations'] => ({
  RegisterTargets({ TargetGroupArn: wanted, Targets: targets }) {
    const group = balancing.group(wanted);
    checkTargets(context, targets);
    for (const { Id: id, Port: port = group.port } of targets) {
      balancing.health.register(group, id, port, balancing.isUsable(group, id));
    }
  },
  DeregisterTargets({ TargetGroupArn: wanted, Targets: targets }) {
    const group = balancing.group(wanted);
    // A target registered with a port of its own is meant only when that port is named; an absent one is none.
    for (const { Id: id, Port: port = group.port } of targets) {
      if (group.targets.has(targetKey(id, port))) balancing.health.deregister(group, id, port);
    }
  },
  DescribeTargetHealth({ TargetGroupArn: wanted, Targets: asked }) {
    const group = balancing.group(wanted);
    const found = asked?.map(
      ({ Id: id = '', Port: port = group.port }: model.TargetDescription) =>
        group.targets.get(targetKey(id, port)) ?? { id, port },
    );
    const targets: Parameters<typeof describeTargetHealth>[1][] = found ?? [...group.targets.values()];
    return { TargetHealthDescriptions: targets.map((target) => describeTargetHealth(group, target)) };
  },
});

const changes = (balancing: Balancing): Service['operations'] => ({
  ModifyTargetGroupAttributes({ TargetGroupArn: wanted, Attributes: attributes }) {
    const group = balancing.group(wanted);
    for (const { Key: key, Value: value } of attributes as { Key: string; Value: string }[]) {
      const known = group.attributes[key];
      if (known === undefined) {
        throw new AwsError('ValidationError', `Target group attribute key '${key}' is not recognized`);
      }
      const isSeconds = key.endsWith('_seconds');
      const isRight = isSeconds ? /^\d{1,4}$/.test(value) && Number(value) <= 3600 : hasKindOf(known, value);
      if (!isRight) {
        throw new AwsError('ValidationError', `'${value}' is not a valid value for attribute '${key}'`);
      }
    }
    for (const { Key: key, Value: value } of attributes) group.attributes[key] = value;
    return { Attributes: pairs(group.attributes) };
  },
  CreateListener({
    LoadBalancerArn: loadBalancerArn,
    Port: port,
    Protocol: protocol,
    DefaultActions: actions,
  }) {
    balancing.find(balancing.balancers, loadBalancerArn, 'LoadBalancerNotFound');
    if (!port || !protocol)
      throw new AwsError('ValidationError', 'A listener protocol and port must be specified');
    const taken = [...balancing.listeners.values()].some(
      (listener) => listener.port === port && listener.loadBalancerArn === loadBalancerArn,
    );
    if (taken) {
      const message = 'A listener already exists on this port for this load balancer';
      throw new AwsError('DuplicateListener', message);
    }
    const { arn: targetGroupArn } = balancing.group(actions[0].TargetGroupArn ?? '');
    refuseForeign(balancing, targetGroupArn, loadBalancerArn);
    const listener = balancing.createListener({ loadBalancerArn, port, targetGroupArn, tags: {} });
    return { Listeners: [describeListener(listener)] };
  },
  ModifyListener({ ListenerArn: wanted, DefaultActions: actions }) {
    const listener = balancing.find(balancing.listeners, wanted, 'ListenerNotFound');
    const [action] = actions ?? [];
    if (action) {
      const { arn: targetGroupArn } = balancing.group(action.TargetGroupArn ?? '');
      refuseForeign(balancing, targetGroupArn, listener.loadBalancerArn);
      balancing.forward(listener, targetGroupArn);
    }
    return { Listeners: [describeListener(listener)] };
  },
  DeleteListener({ ListenerArn: wanted }) {
    balancing.find(balancing.listeners, wanted, 'ListenerNotFound');
    balancing.delete(wanted);
  },
});

/** A target group can be used by one load balancer alone. */
function refuseForeign(balancing: Balancing, targetGroupArn: string, loadBalancerArn: string): void {
  const owners = balancing.listenersOf(balancing.group(targetGroupArn));
  if (owners.every((listener) => listener.loadBalancerArn === loadBalancerArn)) return;
  const used = `The following target groups cannot be associated with more than one load balancer: ${targetGroupArn}`;
  throw new AwsError('TargetGroupAssociationLimit', used);
}

/** Switches stay switches; what has other words is taken as it is. */
const hasKindOf = (known: string, value: string): boolean =>
  !['true', 'false'].includes(known) || ['true', 'false'].includes(value);

function checkTargets({ instances }: Context, targets: model.TargetDescription[]): void {
  for (const { Id: id = '' } of targets) {
    const instance = instances.get(id);
    if (!instance) throw new AwsError('InvalidTarget', `Instance ID '${id}' is not valid`);
    if (instance.state === 'running') continue;
    const list = `The following targets are not in a running state and cannot be registered: '${id}'`;
    throw new AwsError('InvalidTarget', list);
  }
}

const groupLookUps = (balancing: Balancing): Service['operations'] => ({
  DescribeTargetGroups({ TargetGroupArns: arns, Names: names, LoadBalancerArn: balancer, ...input }) {
    if (balancer) balancing.find(balancing.balancers, balancer, 'LoadBalancerNotFound');
    const balancersOf = (group: TargetGroup) =>
      balancing.listenersOf(group).map(({ loadBalancerArn }) => loadBalancerArn);
    const named = choose(balancing, balancing.groups, arns, names, 'TargetGroupNotFound');
    const found = named.filter((group) => !balancer || balancersOf(group).includes(balancer));
    const { items, next } = page(found, input.Marker, input.PageSize ?? 400, 'ValidationError');
    const described = items.map((group) => describeTargetGroup(group, balancersOf(group)));
    return { TargetGroups: described, NextMarker: next };
  },
  DescribeTargetGroupAttributes: ({ TargetGroupArn: wanted }) => ({
    Attributes: pairs(balancing.group(wanted).attributes),
  }),
  DescribeTags: ({ ResourceArns: arns }: { ResourceArns: string[] }) => ({
    TagDescriptions: arns.map((arn) => ({ ResourceArn: arn, Tags: pairs(tagged(balancing, arn).tags) })),
  }),
});

const balancerLookUps = (balancing: Balancing): Service['operations'] => ({
  DescribeLoadBalancers({ LoadBalancerArns: arns, Names: names, Marker: marker, PageSize: size = 400 }) {
    const found = choose(balancing, balancing.balancers, arns, names, 'LoadBalancerNotFound');
    const { items, next } = page(found, marker, size, 'ValidationError');
    return { LoadBalancers: items.map(describeLoadBalancer), NextMarker: next };
  },
  DescribeListeners({ LoadBalancerArn: balancer, ListenerArns: arns, Marker: marker, PageSize: size = 400 }) {
    if (!balancer && !arns) {
      throw new AwsError('ValidationError', 'You must specify either listener ARNs or a load balancer ARN');
    }
    if (balancer) balancing.find(balancing.balancers, balancer, 'LoadBalancerNotFound');
    const named: Listener[] = arns
      ? arns.map((arn: string) => balancing.find(balancing.listeners, arn, 'ListenerNotFound'))
      : [...balancing.listeners.values()];
    const found = named.filter(({ loadBalancerArn: arn }) => (balancer ?? arn) === arn);
    const { items, next } = page(found, marker, size, 'ValidationError');
    return { Listeners: items.map(describeListener), NextMarker: next };
  },
});

/** By ARN, else by name, else all; one that isn't there fails the call. */
function choose<T extends { name: string }>(
  balancing: Balancing,
  items: Map<string, T>,
  arns: string[] | undefined,
  names: string[] | undefined,
  code: Parameters<Balancing['find']>[2],
): T[] {
  if (arns?.length) return arns.map((arn) => balancing.find(items, arn, code));
  if (!names?.length) return [...items.values()];
  const byName = new Map([...items.values()].map((item) => [item.name, item]));
  return names.map((name) => balancing.find(byName, name, code));
}

function tagged(balancing: Balancing, arn: string): { tags: Record<string, string> } {
  const { listeners, balancers } = balancing;
  if (arn.includes(':targetgroup/')) return balancing.group(arn);
  if (arn.includes(':listener/')) return balancing.find(listeners, arn, 'ListenerNotFound');
  return balancing.find(balancers, arn, 'LoadBalancerNotFound');
}

const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([Key, Value]) => ({ Key, Value }));
