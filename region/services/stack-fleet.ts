import { zones } from '../service.ts';
import { TemplateError } from '../template-intrinsics.ts';
import type { World } from '../world.ts';
import type { Hook, Result, Transition } from './lifecycle.ts';
import { kind, type Properties } from './stack-kind.ts';
import type { ResourceKind } from './stacks.ts';
import { canonicalHostedZoneId } from './targets-described.ts';

/** Auto Scaling groups and load balancers. Subnets are plain names, each taken to be in a zone of its own. */
export function fleetKinds({ autoscaling, targets }: World): Record<string, ResourceKind> {
  const subnetZones = new Map<string, string>();
  const zonesOf = (subnets: string[]): string[] =>
    subnets.map((subnet) => {
      const zone = subnetZones.get(subnet) ?? zones[subnetZones.size % zones.length]!;
      subnetZones.set(subnet, zone);
      return zone;
    });
  return {
    'AWS::AutoScaling::AutoScalingGroup': kind(
      // TargetGroupARNs is left out on purpose: the region doesn't register a group's instances by itself.
      // Which types a mixed group has, and which of them are Spot, makes no difference to the region's hosts.
      'AutoScalingGroupName VPCZoneIdentifier MinSize MaxSize DesiredCapacity HealthCheckType HealthCheckGracePeriod LaunchTemplate MixedInstancesPolicy CapacityRebalance LifecycleHookSpecificationList InstanceLifecyclePolicy Tags',
      (p, { generatedName }) => {
        const name = p.AutoScalingGroupName ?? generatedName;
        if ((p.HealthCheckType ?? 'EC2') !== 'EC2')
          throw new TemplateError(`HealthCheckType ${p.HealthCheckType}`);
        const mixed = p.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
        const { LaunchTemplateId: id, LaunchTemplateName, Version } = p.LaunchTemplate ?? mixed ?? {};
        if (!id) throw new TemplateError('the region needs LaunchTemplate.LaunchTemplateId');
        autoscaling.createGroup({
          name,
          minSize: Number(p.MinSize),
          maxSize: Number(p.MaxSize),
          desiredCapacity: Number(p.DesiredCapacity ?? p.MinSize),
          zones: zonesOf(p.VPCZoneIdentifier),
          subnets: p.VPCZoneIdentifier,
          launchTemplate: { id, name: LaunchTemplateName ?? id, version: String(Version) },
          healthGraceSeconds: Number(p.HealthCheckGracePeriod ?? 0),
          retainAbandoned: p.InstanceLifecyclePolicy?.RetentionTriggers?.TerminateHookAbandon === 'retain',
          hooks: (p.LifecycleHookSpecificationList ?? []).map(hook),
          tags: (p.Tags ?? []).map(({ Key, Value, PropagateAtLaunch }: Properties) => ({
            key: Key,
            value: String(Value),
            propagateAtLaunch: String(PropagateAtLaunch) === 'true',
          })),
        });
        return { id: name };
      },
      {
        fixed: true,
        remove: autoscaling.deleteGroup,
        isGone: (name) => autoscaling.group(name) === undefined,
      },
    ),
    'AWS::AutoScaling::WarmPool': kind(
      'AutoScalingGroupName MinSize MaxGroupPreparedCapacity PoolState InstanceReusePolicy',
      (p) => {
        autoscaling.putWarmPool({
          ...p,
          MinSize: Number(p.MinSize ?? 0),
          ...(p.MaxGroupPreparedCapacity !== undefined && {
            MaxGroupPreparedCapacity: Number(p.MaxGroupPreparedCapacity),
          }),
        });
        return { id: p.AutoScalingGroupName };
      },
      {
        fixed: true,
        remove: autoscaling.deleteWarmPool,
        isGone: (name) => autoscaling.group(name)?.pool === undefined,
      },
    ),
    'AWS::ElasticLoadBalancingV2::LoadBalancer': kind(
      'Name Type Scheme Subnets SecurityGroups LoadBalancerAttributes Tags',
      (p, { generatedName }) => {
        if (p.Type !== 'network')
          throw new TemplateError('only network load balancers are known to the region');
        const { arn, dnsName, name } = targets.createLoadBalancer({
          name: p.Name ?? generatedName,
          vpcId: 'vpc-region',
          zones: zonesOf(p.Subnets),
          tags: tagsOf(p),
        });
        return {
          id: arn,
          LoadBalancerArn: arn,
          DNSName: dnsName,
          LoadBalancerName: name,
          LoadBalancerFullName: arn.split('loadbalancer/')[1],
          CanonicalHostedZoneID: canonicalHostedZoneId,
        };
      },
      { fixed: true, remove: targets.delete },
    ),
    'AWS::ElasticLoadBalancingV2::TargetGroup': kind(
      'Name TargetType Protocol Port VpcId HealthCheckProtocol HealthCheckPort HealthCheckIntervalSeconds HealthCheckTimeoutSeconds HealthyThresholdCount UnhealthyThresholdCount TargetGroupAttributes Tags',
      (p, { generatedName }) => {
        if (
          p.Protocol !== 'TCP' ||
          (p.HealthCheckProtocol ?? 'TCP') !== 'TCP' ||
          p.TargetType !== 'instance'
        ) {
          throw new TemplateError('only instance targets over TCP are known to the region');
        }
        const { arn, name } = targets.createTargetGroup({
          name: p.Name ?? generatedName,
          port: Number(p.Port),
          vpcId: p.VpcId,
          tags: tagsOf(p),
          attributes: Object.fromEntries(
            (p.TargetGroupAttributes ?? []).map(({ Key, Value }: Properties) => [Key, String(Value)]),
          ),
          healthCheck: {
            ...numeric('intervalSeconds', p.HealthCheckIntervalSeconds),
            ...numeric('timeoutSeconds', p.HealthCheckTimeoutSeconds),
            ...numeric('healthyThreshold', p.HealthyThresholdCount),
            ...numeric('unhealthyThreshold', p.UnhealthyThresholdCount),
            ...(p.HealthCheckPort !== undefined && { port: String(p.HealthCheckPort) }),
          },
        });
        return {
          id: arn,
          TargetGroupArn: arn,
          TargetGroupName: name,
          TargetGroupFullName: arn.split(':').at(-1),
        };
      },
      { fixed: true, remove: targets.delete },
    ),
    'AWS::ElasticLoadBalancingV2::Listener': kind(
      'LoadBalancerArn Protocol Port DefaultActions ListenerAttributes',
      (p) => {
        const [action, ...others] = p.DefaultActions;
        if (
          p.Protocol !== 'TCP' ||
          action?.Type !== 'forward' ||
          others.length > 0 ||
          !action.TargetGroupArn
        ) {
          throw new TemplateError(
            'only TCP listeners that forward to one target group are known to the region',
          );
        }
        const { arn } = targets.createListener({
          loadBalancerArn: p.LoadBalancerArn,
          port: Number(p.Port),
          targetGroupArn: action.TargetGroupArn,
          tags: {},
        });
        return { id: arn, ListenerArn: arn };
      },
      { fixed: true, remove: targets.delete },
    ),
  };
}

function hook(specification: Properties): Hook {
  return {
    name: specification.LifecycleHookName,
    transition: specification.LifecycleTransition as Transition,
    heartbeatTimeoutSeconds: Number(specification.HeartbeatTimeout ?? 3600),
    defaultResult: (specification.DefaultResult ?? 'ABANDON') as Result,
    ...(specification.NotificationMetadata !== undefined && {
      notificationMetadata: specification.NotificationMetadata,
    }),
  };
}

function tagsOf({ Tags }: Properties): Record<string, string> {
  return Object.fromEntries((Tags ?? []).map(({ Key, Value }: Properties) => [Key, String(Value)]));
}

const numeric = (name: string, value: unknown) => (value === undefined ? {} : { [name]: Number(value) });
