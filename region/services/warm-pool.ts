import type * as model from '@aws-sdk/client-auto-scaling';
import { page } from '../pages.ts';
import { AwsError, type Service } from '../service.ts';
import { describeMember, describePool } from './autoscaling-described.ts';
import type { Group, Groups } from './groups.ts';
import { invalid } from './lifecycle.ts';
import { isPooled } from './members.ts';

export interface WarmPool {
  minSize: number;
  /** Undefined takes the group's own greatest size. */
  maxPrepared: number | undefined;
  state: 'Stopped' | 'Running';
  /** Whether instances go back to the pool when the group scales in. */
  reuse: boolean;
  deleting: boolean;
}

/** How many instances a pool of `size` lacks; negative when it has too many. */
export function missingFromPool({ pool, maxSize, desiredCapacity }: Group, size: number): number {
  if (!pool || pool.deleting) return -size;
  return Math.max(pool.minSize, (pool.maxPrepared ?? maxSize) - desiredCapacity) - size;
}

export function putWarmPool(groups: Groups, input: Partial<model.PutWarmPoolType>): void {
  const group = groups.find(input.AutoScalingGroupName!);
  const { pool } = group;
  const prepared = input.MaxGroupPreparedCapacity ?? pool?.maxPrepared;
  group.pool = {
    minSize: input.MinSize ?? pool?.minSize ?? 0,
    maxPrepared: prepared === -1 ? undefined : prepared,
    state: (input.PoolState as WarmPool['state'] | undefined) ?? pool?.state ?? 'Stopped',
    reuse: input.InstanceReusePolicy?.ReuseOnScaleIn ?? pool?.reuse ?? false,
    deleting: false,
  };
  groups.balanceSoon(group);
}

export const warmPoolOperations = (groups: Groups): Service['operations'] => ({
  PutWarmPool: (input: model.PutWarmPoolType) => putWarmPool(groups, input),
  DescribeWarmPool({ AutoScalingGroupName: name, MaxRecords: size = 50, NextToken: token }) {
    const group = groups.find(name);
    const { items, next } = page(group.members.filter(isPooled), token, size, 'InvalidNextToken');
    return {
      ...describePool(group),
      Instances: items.map((member) => describeMember(group, member)),
      NextToken: next,
    };
  },
  DeleteWarmPool({ AutoScalingGroupName: name, ForceDelete: force = false }) {
    const group = groups.find(name);
    if (!group.pool) throw invalid(`No warm pool found for AutoScalingGroup ${name}`);
    if (!force && group.members.some(isPooled))
      throw new AwsError('ResourceInUse', 'You cannot delete a warm pool while there are instances in it.');
    group.pool.deleting = true;
    groups.balanceSoon(group);
  },
});
