import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import {
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { region } from './service.ts';

export interface InstanceOverview {
  id: string;
  zone: string;
  lifecycleState: string;
  /** State at the balancer; undefined when it isn't registered. */
  health: string | undefined;
}

/** The state of a fleet, as anybody can ask AWS for it. */
export interface Overview {
  desiredCapacity: number;
  instances: InstanceOverview[];
  /** The sha256 of the config that the operator last proved everywhere. */
  live: string | undefined;
  /** The config that is rejected, where and why. */
  rejected: { sha256: string; instance: string; reason: string } | undefined;
}

export type ReadOverview = () => Promise<Overview>;

/** Reads the fleet over the wire. */
export function createOverview(endpoint: string, fleet: string): ReadOverview {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint, region, credentials };
  const autoscaling = new AutoScalingClient(options);
  const balancing = new ElasticLoadBalancingV2Client(options);
  const ssm = new SSMClient(options);
  const names = { targetGroup: `/shoal/${fleet}/target-group-arn`, status: `/shoal-state/${fleet}/status` };
  return async () => {
    const [{ AutoScalingGroups: groups = [] }, { Parameters: parameters = [] }] = await Promise.all([
      autoscaling.send(
        new DescribeAutoScalingGroupsCommand({ Filters: [{ Name: 'tag:shoal:fleet', Values: [fleet] }] }),
      ),
      ssm.send(new GetParametersCommand({ Names: Object.values(names) })),
    ]);
    const value = (name: string) => parameters.find((parameter) => parameter.Name === name)?.Value;
    const TargetGroupArn = value(names.targetGroup);
    const { TargetHealthDescriptions: targets = [] } = TargetGroupArn
      ? await balancing.send(new DescribeTargetHealthCommand({ TargetGroupArn }))
      : {};
    const written = JSON.parse(value(names.status) ?? '{}');
    return {
      desiredCapacity: groups.reduce((sum, group) => sum + (group.DesiredCapacity ?? 0), 0),
      instances: groups
        .flatMap((group) => group.Instances ?? [])
        .map(({ InstanceId: id = '', AvailabilityZone: zone = '', LifecycleState: lifecycleState = '' }) => ({
          id,
          zone,
          lifecycleState,
          health: targets.find(({ Target }) => Target?.Id === id)?.TargetHealth?.State,
        })),
      live: written.live?.sha256,
      rejected: written.rejected,
    };
  };
}

/** Every instance that is wanted is in service and healthy, and the operator has a config that it calls live. */
export function isReady({ desiredCapacity, instances, live }: Overview): boolean {
  const serving = instances.filter(
    ({ lifecycleState, health }) => lifecycleState === 'InService' && health === 'healthy',
  );
  return live !== undefined && serving.length === desiredCapacity && instances.length === desiredCapacity;
}

/** Waits until the fleet is ready and tells each change on the way. Rejects after `timeoutMs`. */
export async function waitUntilReady(
  read: ReadOverview,
  { timeoutMs, progress }: { timeoutMs: number; progress(line: string): void },
): Promise<void> {
  const started = Date.now();
  const told = new Map<string, string>();
  for (;;) {
    const overview = await read();
    for (const instance of overview.instances) {
      const text = describeInstance(instance);
      if (told.get(instance.id) !== text) progress(text);
      told.set(instance.id, text);
    }
    if (isReady(overview)) return;
    if (Date.now() - started > timeoutMs) {
      throw new Error(`the fleet isn't ready after ${timeoutMs / 1000} s: npm run region -- logs says why`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export const describeInstance = ({ id, zone, lifecycleState, health }: InstanceOverview): string =>
  `${id} ${zone} ${lifecycleState.padEnd(13)} ${health ?? 'not registered'}`;
