import type * as model from '@aws-sdk/client-auto-scaling';
import type { Context } from '../context.ts';
import { page } from '../pages.ts';
import { AwsError, type Service } from '../service.ts';
import type { Group, Groups } from './groups.ts';
import { invalid } from './lifecycle.ts';
import type { Member } from './members.ts';

export interface InstanceRefresh {
  id: string;
  strategy: 'Rolling' | 'ReplaceRootVolume';
  /** Percentages of the desired capacity. With a greatest one, replacements come before the others go. */
  minHealthy: number;
  maxHealthy: number | undefined;
  warmupSeconds: number;
  launchTemplate: Group['launchTemplate'];
  status: 'Pending' | 'InProgress' | 'Cancelling' | 'Successful' | 'Failed' | 'Cancelled';
  reason: string | undefined;
  startedAt: number;
  endedAt: number | undefined;
  /** How many instances there were, how many have been replaced and warmed up, and whose turn has not come, by id. */
  total: number;
  updated: number;
  left: Set<string>;
  /** Instances over the desired capacity while replacements come first. */
  extra: number;
}

/** For so long it waits for instances in standby. */
const standbyMs = 3_600_000;

const isOver = ({ status }: InstanceRefresh) => ['Successful', 'Failed', 'Cancelled'].includes(status);

/** The one under way. */
export const refreshOf = ({ refreshes }: Group): InstanceRefresh | undefined =>
  refreshes.find((refresh) => !isOver(refresh));

/** Takes the next instances in hand as far as enough of the group stays healthy, and sees when all is done. */
export function advanceRefresh(context: Context, groups: Groups, group: Group): void {
  const refresh = refreshOf(group);
  if (refresh === undefined || refresh.status === 'Pending' || group.suspended.has('InstanceRefresh')) return;
  const now = context.clock.now();
  const readyAt = ({ inServiceAt, instanceId }: Member) =>
    refresh.left.has(instanceId) ? 0 : inServiceAt + refresh.warmupSeconds * 1000;
  const isHealthy = (member: Member) =>
    member.state === 'InService' && member.unhealthy === undefined && readyAt(member) <= now;
  const inStandby = group.members.some(({ state }) => state === 'Standby');
  const failsAt = refresh.startedAt + standbyMs;
  const times = [...group.members.filter(({ state }) => state === 'InService').map(readyAt), failsAt];
  const next = Math.min(...times.filter((time) => time > now));
  if (Number.isFinite(next)) context.clock.after(next - now, () => groups.balanceSoon(group));
  refresh.reason = inStandby ? 'Waiting for instances in Standby to return to service.' : undefined;
  const end = (status: InstanceRefresh['status']) =>
    Object.assign(refresh, { status, endedAt: now, extra: 0 });
  if (refresh.status === 'InProgress' && !inStandby) takeNext(groups, group, refresh, isHealthy);
  if (inStandby && now >= failsAt) end('Failed');
  const updated = group.members.filter((one) => isHealthy(one) && !refresh.left.has(one.instanceId));
  refresh.updated = Math.min(refresh.total, updated.length);
  // What has been begun is brought to its end.
  const counted = group.members.filter(({ state }) => !state.endsWith(':Retained'));
  if (!counted.every(isHealthy) || counted.length < group.desiredCapacity) return;
  if (refresh.status === 'Cancelling') end('Cancelled');
  else if (refresh.left.size === 0) {
    group.launchTemplate = refresh.launchTemplate ?? group.launchTemplate;
    end('Successful');
  }
}

function takeNext(
  groups: Groups,
  group: Group,
  refresh: InstanceRefresh,
  isHealthy: (member: Member) => boolean,
): void {
  const { members, desiredCapacity: wanted } = group;
  const { left, maxHealthy, minHealthy, strategy } = refresh;
  let healthy = members.filter(isHealthy).length;
  // One that has gone for another reason is replaced all the same.
  for (const id of left) if (!members.some(({ instanceId }) => instanceId === id)) left.delete(id);
  const old = members.filter((member) => left.has(member.instanceId) && isHealthy(member));
  const replace = (member: Member) => {
    left.delete(member.instanceId);
    const cause = groups.at('an instance was taken out of service in response to an instance refresh.');
    if (strategy === 'Rolling') groups.members.terminate(group, member, cause);
    else groups.members.replaceRootVolume(group, member, cause);
  };
  if (maxHealthy !== undefined && strategy === 'Rolling') {
    for (; healthy > wanted && old.length > 0; healthy -= 1) replace(old.shift()!);
    const most = Math.max(1, Math.floor((maxHealthy * wanted) / 100) - wanted);
    refresh.extra = Math.min(most, left.size);
    return;
  }
  const atOnce = Math.max(1, wanted - Math.ceil((minHealthy * wanted) / 100));
  for (let away = wanted - healthy; away < atOnce && old.length > 0; away += 1) replace(old.shift()!);
}

export const instanceRefreshOperations = (context: Context, groups: Groups): Service['operations'] => ({
  StartInstanceRefresh(input: model.StartInstanceRefreshType) {
    const group = groups.find(input.AutoScalingGroupName!);
    const { MinHealthyPercentage: minHealthy, MaxHealthyPercentage: maxHealthy } = input.Preferences ?? {};
    if (maxHealthy !== undefined && (minHealthy === undefined || maxHealthy - minHealthy > 100))
      throw invalid(
        'MaxHealthyPercentage needs a MinHealthyPercentage, and the difference between them cannot be greater than 100.',
      );
    if (group.pool) throw invalid('The region refreshes no Auto Scaling group that has a warm pool.');
    if (input.Strategy === 'ReplaceRootVolume') refuseUnfit(group, input.DesiredConfiguration);
    if (refreshOf(group))
      throw new AwsError(
        'InstanceRefreshInProgress',
        'An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.',
      );
    const left = group.members.filter(({ state }) => state === 'InService').map((one) => one.instanceId);
    const {
      LaunchTemplateId: id,
      LaunchTemplateName: name = id,
      Version = '$Default',
    } = input.DesiredConfiguration?.LaunchTemplate ?? {};
    const refresh: InstanceRefresh = {
      id: context.ids.uuid(),
      strategy: input.Strategy ?? 'Rolling',
      ...{ minHealthy: minHealthy ?? 90, maxHealthy },
      warmupSeconds: input.Preferences?.InstanceWarmup ?? group.healthGraceSeconds,
      launchTemplate: id === undefined ? undefined : { id, name: name ?? id, version: Version },
      ...{ status: 'Pending', reason: undefined, startedAt: context.clock.now(), endedAt: undefined },
      ...{ total: left.length, updated: 0, left: new Set(left), extra: 0 },
    };
    group.refreshes.unshift(refresh);
    context.clock.after(context.pace.scaleMs, () => {
      if (refresh.status === 'Pending') refresh.status = 'InProgress';
      groups.balanceSoon(group);
    });
    return { InstanceRefreshId: refresh.id };
  },
  CancelInstanceRefresh({ AutoScalingGroupName: name }) {
    const group = groups.find(name);
    const refresh = refreshOf(group);
    if (refresh === undefined)
      throw new AwsError(
        'ActiveInstanceRefreshNotFound',
        `No in progress or pending Instance Refresh found for Auto Scaling group ${name}`,
      );
    Object.assign(refresh, { status: 'Cancelling', extra: 0 });
    groups.balanceSoon(group);
    return { InstanceRefreshId: refresh.id };
  },
  DescribeInstanceRefreshes({ AutoScalingGroupName: name, InstanceRefreshIds: ids, ...input }) {
    const group = groups.find(name);
    const found = group.refreshes.filter(({ id }) => !ids?.length || ids.includes(id));
    const { items, next } = page(found, input.NextToken, input.MaxRecords ?? 50, 'InvalidNextToken');
    return { InstanceRefreshes: items.map((refresh) => describe(group, refresh)), NextToken: next };
  },
});

/** What AWS asks of a group whose disks are to be replaced (user guide, "Replace root volumes", requirements). */
function refuseUnfit(group: Group, desired: model.DesiredConfiguration | undefined): void {
  const policy = desired?.MixedInstancesPolicy?.LaunchTemplate;
  const versions = [group.launchTemplate?.version, policy?.LaunchTemplateSpecification?.Version];
  const refuse = (reason: string) => invalid(`Strategy ReplaceRootVolume: ${reason}.`);
  if (!group.mixedInstances) throw refuse('the Auto Scaling group must use a mixed instances policy');
  if (!policy?.Overrides?.length || policy.Overrides.some(({ ImageId }) => ImageId === undefined))
    throw refuse(
      'the desired configuration needs a mixed instances policy whose overrides have an ImageId each',
    );
  if (versions.some((version) => version === '$Latest' || version === '$Default'))
    throw refuse('the launch template version must be a number');
}

function describe({ name }: Group, refresh: InstanceRefresh): model.InstanceRefresh {
  const { total, updated, status } = refresh;
  return {
    InstanceRefreshId: refresh.id,
    AutoScalingGroupName: name,
    Strategy: refresh.strategy,
    Status: refresh.status,
    StatusReason: refresh.reason,
    StartTime: new Date(refresh.startedAt),
    EndTime: refresh.endedAt === undefined ? undefined : new Date(refresh.endedAt),
    PercentageComplete: status === 'Successful' ? 100 : Math.floor((100 * updated) / Math.max(1, total)),
    InstancesToUpdate: status === 'Successful' ? 0 : total - updated,
    Preferences: {
      MinHealthyPercentage: refresh.minHealthy,
      MaxHealthyPercentage: refresh.maxHealthy,
      InstanceWarmup: refresh.warmupSeconds,
    },
  };
}
