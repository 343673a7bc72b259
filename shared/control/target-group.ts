import type { TargetGroup } from '../aws/targets.ts';
import type { TargetGroupFacts } from '../decisions/model.ts';

/**
 * Whether the balancer's side fits what Squid is told. With client addresses not kept, the allow-list would
 * match the balancer itself; with the proxy protocol on, Squid would read its header as a request
 * (Elastic Load Balancing user guide, "Edit target group attributes for your Network Load Balancer").
 */
export function preflight(
  group: TargetGroup,
  { fleet, tag, attached }: { fleet: string; tag: string; attached: string[] },
): TargetGroupFacts {
  const checks: [boolean, string][] = [
    [group.tags[tag] === fleet, `the target group is not tagged ${tag} = ${fleet}: add the tag`],
    [group.targetType === 'instance', `its target type is ${group.targetType}, not instance: make a new one`],
    [
      ['TCP', 'TCP_UDP'].includes(group.protocol),
      `its protocol is ${group.protocol}, not TCP: make a new one`,
    ],
    [group.preserveClientIp, 'client addresses are not kept: set preserve_client_ip.enabled to true'],
    [!group.proxyProtocol, 'the proxy protocol is on: set proxy_protocol_v2.enabled to false'],
    [
      !attached.includes(group.arn),
      'it is attached to the Auto Scaling group, which would register unproven instances: detach it',
    ],
  ];
  return {
    arn: group.arn,
    deregistrationDelayMs: group.deregistrationDelayMs,
    problems: checks.filter(([fits]) => !fits).map(([, problem]) => problem),
    unused: group.balancers === 0,
  };
}
