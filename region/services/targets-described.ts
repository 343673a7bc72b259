import type * as model from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Listener, LoadBalancer } from './balancing.ts';
import type { Target, TargetGroup } from './health.ts';

/** Of the region's network load balancers, for names in Route 53. */
export const canonicalHostedZoneId = 'Z31USIVHYNEOWT';

const reasons: Record<string, string> = {
  'Elb.RegistrationInProgress': 'Target registration is in progress',
  'Elb.InitialHealthChecking': 'Initial health checks in progress',
  'Target.FailedHealthChecks': 'Health checks failed',
  'Target.DeregistrationInProgress': 'Target deregistration is in progress',
  'Target.InvalidState': 'Target is in the stopped state',
  'Target.NotRegistered': 'Target is not registered to the target group',
  'Target.NotInUse':
    'Target group is not configured to receive traffic from the load balancer, or the target is in an Availability Zone that is not enabled for the load balancer',
};

/** A target without a state was asked for and isn't registered. */
export function describeTargetHealth(
  group: TargetGroup,
  target: Pick<Target, 'id' | 'port'> & Partial<Target>,
): model.TargetHealthDescription {
  const { id, port, state = 'unused' } = target;
  const reason = target.state === undefined ? 'Target.NotRegistered' : target.reason;
  return {
    Target: { Id: id, Port: port },
    HealthCheckPort: group.healthCheck.port === 'traffic-port' ? `${port}` : group.healthCheck.port,
    TargetHealth: {
      State: state,
      ...(reason === undefined
        ? {}
        : { Reason: reason as model.TargetHealthReasonEnum, Description: reasons[reason]! }),
    },
  };
}

export const describeTargetGroup = (group: TargetGroup, loadBalancerArns: string[]): model.TargetGroup => ({
  TargetGroupArn: group.arn,
  TargetGroupName: group.name,
  Protocol: 'TCP',
  Port: group.port,
  VpcId: group.vpcId,
  HealthCheckProtocol: 'TCP',
  HealthCheckPort: group.healthCheck.port,
  HealthCheckEnabled: true,
  HealthCheckIntervalSeconds: group.healthCheck.intervalSeconds,
  HealthCheckTimeoutSeconds: group.healthCheck.timeoutSeconds,
  HealthyThresholdCount: group.healthCheck.healthyThreshold,
  UnhealthyThresholdCount: group.healthCheck.unhealthyThreshold,
  LoadBalancerArns: loadBalancerArns,
  TargetType: 'instance',
  IpAddressType: 'ipv4',
});

export const describeLoadBalancer = (balancer: LoadBalancer): model.LoadBalancer => ({
  LoadBalancerArn: balancer.arn,
  LoadBalancerName: balancer.name,
  DNSName: balancer.dnsName,
  CanonicalHostedZoneId: canonicalHostedZoneId,
  CreatedTime: new Date(balancer.createdAt),
  Scheme: 'internal',
  VpcId: balancer.vpcId,
  State: { Code: 'active' },
  Type: 'network',
  AvailabilityZones: balancer.zones.map((zone) => ({ ZoneName: zone, LoadBalancerAddresses: [] })),
  SecurityGroups: [],
  IpAddressType: 'ipv4',
});

export const describeListener = (listener: Listener): model.Listener => ({
  ListenerArn: listener.arn,
  LoadBalancerArn: listener.loadBalancerArn,
  Port: listener.port,
  Protocol: 'TCP',
  DefaultActions: [
    {
      Type: 'forward',
      TargetGroupArn: listener.targetGroupArn,
      Order: 1,
      ForwardConfig: { TargetGroups: [{ TargetGroupArn: listener.targetGroupArn }] },
    },
  ],
});
