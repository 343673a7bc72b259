import type * as model from '@aws-sdk/client-ssm';
import type { Context } from '../context.ts';
import type { Instance } from '../instances.ts';
import { page } from '../pages.ts';
import { AwsError } from '../service.ts';
import { isOnline, isRegistered } from './agents.ts';

/** Managed instances: those that are still there and whose agent has been online. */
export function describeInstances(context: Context, input: model.DescribeInstanceInformationRequest) {
  const { Filters: filters = [], NextToken: token, MaxResults: size = 10 } = input;
  const managed = context.instances
    .all()
    .filter((instance) => instance.state !== 'terminated' && isRegistered(context, instance))
    .filter((instance) => filters.every((filter) => matches(context, instance, filter)));
  const { items, next } = page(managed, token, size, 'InvalidNextToken');
  return { InstanceInformationList: items.map((instance) => describe(context, instance)), NextToken: next };
}

function matches(
  context: Context,
  instance: Instance,
  filter: model.InstanceInformationStringFilter,
): boolean {
  const { Key: key = '', Values: values = [] } = filter;
  if (key === 'InstanceIds') return values.includes(instance.instanceId);
  if (key === 'PingStatus') return values.includes(pingStatus(context, instance));
  if (key.startsWith('tag:')) return values.includes(instance.tags[key.slice(4)] ?? '');
  throw new AwsError('InvalidFilterKey', `The filter key ${key} is not supported in this region.`);
}

const pingStatus = (context: Context, instance: Instance) =>
  isOnline(context, instance) ? 'Online' : 'ConnectionLost';

const describe = (context: Context, instance: Instance): model.InstanceInformation => ({
  InstanceId: instance.instanceId,
  PingStatus: pingStatus(context, instance),
  LastPingDateTime: new Date(context.faults.agentOf(instance).silentSince ?? context.clock.now()),
  AgentVersion: '3.3.2746.0',
  IsLatestVersion: true,
  PlatformType: 'Linux',
  ResourceType: 'EC2Instance',
  IPAddress: instance.host!.address,
  ComputerName: instance.instanceId,
});
