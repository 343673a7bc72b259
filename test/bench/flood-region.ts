import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { enterHost } from '../../region/hosts/namespaces.ts';
import { defaultClientAddress } from '../../region/network/client.ts';
import type { Region } from '../../region/region.ts';

/** So many in service and healthy, every one on live, and live is another one than before. */
export function settled(region: Region, count: number, before?: string): boolean {
  const { live, rollout } = status(region);
  if (live === undefined || live.sha256 === before || rollout !== undefined) return false;
  const inService = members(region).filter(({ LifecycleState }) => LifecycleState === 'InService');
  const healthy = targets(region).filter(({ TargetHealth }) => TargetHealth.State === 'healthy');
  return inService.length === count && members(region).length === count && healthy.length === count;
}

export function status(region: Region) {
  const { Parameters } = call(region, 'ssm', 'GetParameters', { Names: ['/shoal-state/demo/status'] });
  return JSON.parse(Parameters[0]?.Value ?? '{}');
}

export interface Member {
  InstanceId: string;
  LifecycleState: string;
}

/** In the order in which they came. */
export function members(region: Region): Member[] {
  return call(region, 'autoscaling', 'DescribeAutoScalingGroups', {}).AutoScalingGroups[0].Instances;
}

interface Described {
  Target: { Id: string };
  TargetHealth: { State: string };
}

export function targets(region: Region): Described[] {
  const input = { TargetGroupArn: targetGroup(region) };
  return call(region, 'elbv2', 'DescribeTargetHealth', input).TargetHealthDescriptions;
}

export function targetGroup(region: Region): string {
  return call(region, 'elbv2', 'DescribeTargetGroups', {}).TargetGroups[0].TargetGroupArn;
}

export function put(region: Region, name: string, Value: string): void {
  call(region, 'ssm', 'PutParameter', {
    Name: `/shoal/demo/${name}`,
    Value,
    Type: name.startsWith('allowed-') ? 'StringList' : 'String',
    Overwrite: true,
  });
}

export function scaleTo(region: Region, DesiredCapacity: number): void {
  call(region, 'autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'shoal-demo', DesiredCapacity });
}

/** Asks the region without the wire, so that the question is not in the operator's way. */
// biome-ignore lint/suspicious/noExplicitAny: each operation answers with something else.
export function call({ world }: Region, service: string, operation: string, input: object): any {
  const identity = { identity: 'flood', accessKeyId: 'flood', requestId: 'flood' };
  return world.wire.services.get(service)?.operations[operation]?.(input, identity);
}

/** The ports by which the flood's client is connected to this machine, as its kernel says. */
export async function clientPorts({ network }: Region, id: string): Promise<number[]> {
  const [program, ...enter] = enterHost(network.directory, id);
  const words = [...enter, 'ss', '-Htn', 'state', 'established', 'sport = :3128'];
  const { stdout } = await promisify(execFile)(program as string, words, { cwd: '/' });
  const peers = [...stdout.matchAll(/([\d.]+)\]?:(\d+)\s*$/gm)];
  return peers.filter(([, from]) => from === defaultClientAddress).map(([, , port]) => Number(port));
}
