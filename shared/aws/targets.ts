import {
  DeregisterTargetsCommand,
  DescribeTagsCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  type ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { limits } from '../runtime/limits.ts';
import { doing, isGone, isInvalidTarget } from './errors.ts';
import { batches } from './pages.ts';

export interface Target {
  instance: string;
  /** The port it was registered with: deregistering has to name the same one. */
  port: number;
  /** initial, healthy, unhealthy, unused, draining, unavailable, unhealthy.draining. */
  state: string;
  /** AWS's code and description, empty when it gives none. */
  reason: string;
}

export interface TargetGroup {
  arn: string;
  protocol: string;
  targetType: string;
  tags: Record<string, string>;
  preserveClientIp: boolean;
  proxyProtocol: boolean;
  deregistrationDelayMs: number;
  /** How many balancers have a listener that forwards to it. */
  balancers: number;
}

export interface Targets {
  /** The target group, null when there is none of that ARN. */
  group(arn: string): Promise<TargetGroup | null>;
  health(arn: string): Promise<Target[]>;
  /** Returns the instances that the balancer refused, with its reason. */
  register(arn: string, instances: string[], port: number): Promise<Map<string, string>>;
  deregister(arn: string, targets: { instance: string; port: number }[]): Promise<void>;
}

export function targets(client: ElasticLoadBalancingV2Client): Targets {
  return {
    group: (arn) => doing(`reading target group ${arn}`, () => readGroup(client, arn)),
    health: (arn) =>
      doing(`reading target health of ${arn}`, async () => {
        const answer = await client.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn }));
        return (answer.TargetHealthDescriptions ?? []).map(({ Target, TargetHealth }) => ({
          instance: Target?.Id ?? '',
          port: Target?.Port ?? 0,
          state: TargetHealth?.State ?? '',
          reason: [TargetHealth?.Reason, TargetHealth?.Description].filter(Boolean).join(': '),
        }));
      }),
    register: async (arn, instances, Port) => {
      const refused = new Map<string, string>();
      for (const batch of batches(instances, limits.targetsMax))
        await doing(`registering ${batch.join(', ')}`, async () => {
          await registerEach(
            batch,
            async (ids) => {
              const Targets = ids.map((Id) => ({ Id, Port }));
              await client.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets }));
            },
            refused,
          );
        });
      return refused;
    },
    deregister: async (arn, leaving) => {
      for (const batch of batches(leaving, limits.targetsMax)) {
        const Targets = batch.map(({ instance, port }) => ({ Id: instance, Port: port }));
        await doing(`deregistering ${batch.map(({ instance }) => instance).join(', ')}`, () =>
          client.send(new DeregisterTargetsCommand({ TargetGroupArn: arn, Targets })),
        );
      }
    },
  };
}

async function readGroup(client: ElasticLoadBalancingV2Client, arn: string): Promise<TargetGroup | null> {
  try {
    const [groups, attributes, tags] = await Promise.all([
      client.send(new DescribeTargetGroupsCommand({ TargetGroupArns: [arn] })),
      client.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn: arn })),
      client.send(new DescribeTagsCommand({ ResourceArns: [arn] })),
    ]);
    const group = groups.TargetGroups?.[0];
    if (group === undefined) return null;
    const values = new Map((attributes.Attributes ?? []).map(({ Key, Value }) => [Key, Value]));
    return {
      arn,
      protocol: group.Protocol ?? '',
      balancers: group.LoadBalancerArns?.length ?? 0,
      targetType: group.TargetType ?? '',
      tags: Object.fromEntries(
        (tags.TagDescriptions?.[0]?.Tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']),
      ),
      // AWS's default for instance targets is on; it is listed for every NLB target group.
      preserveClientIp: values.get('preserve_client_ip.enabled') !== 'false',
      proxyProtocol: values.get('proxy_protocol_v2.enabled') === 'true',
      deregistrationDelayMs: Number(values.get('deregistration_delay.timeout_seconds') ?? 300) * 1000,
    };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** A single invalid target fails the whole call, so a refused batch is tried one by one. */
async function registerEach(
  ids: string[],
  register: (ids: string[]) => Promise<void>,
  refused: Map<string, string>,
): Promise<void> {
  try {
    await register(ids);
  } catch (error) {
    if (!isInvalidTarget(error)) throw error;
    if (ids.length > 1) {
      for (const id of ids) await registerEach([id], register, refused);
      return;
    }
    refused.set(ids[0] as string, (error as Error).message);
  }
}
