import type * as model from '@aws-sdk/client-auto-scaling';
import { page } from '../pages.ts';
import { AwsError, type Service } from '../service.ts';
import { describeTag } from './autoscaling-described.ts';
import type { Groups } from './groups.ts';
import { invalid } from './lifecycle.ts';

const tagsMax = 50;

/** A group's tags. Instances have those that propagated when they were launched. */
export const groupTagOperations = (groups: Groups): Service['operations'] => ({
  CreateOrUpdateTags({ Tags: tags }: { Tags: model.Tag[] }) {
    for (const { Key: key, ResourceId } of tags) {
      groups.find(ResourceId!);
      if (/^aws:/i.test(key!)) throw invalid(`Tag key ${key} is invalid: aws: is a reserved prefix.`);
    }
    for (const { ResourceId, Key, Value = '', PropagateAtLaunch = false } of tags) {
      const group = groups.find(ResourceId!);
      const others = group.tags.filter(({ key }) => key !== Key);
      if (others.length >= tagsMax)
        throw new AwsError('LimitExceeded', `A group can't have more than ${tagsMax} tags.`);
      group.tags = [...others, { key: Key!, value: Value, propagateAtLaunch: PropagateAtLaunch }];
    }
  },
  DeleteTags({ Tags: tags }: { Tags: model.Tag[] }) {
    for (const { ResourceId, Key } of tags) {
      const group = groups.find(ResourceId!);
      group.tags = group.tags.filter(({ key }) => key !== Key);
    }
  },
  DescribeTags({ Filters: filters = [], NextToken: token, MaxRecords: size = 50 }) {
    const found = [...groups.all.values()]
      .flatMap((group) => group.tags.map((tag) => describeTag(group, tag)))
      .filter((tag) => filters.every((filter: model.Filter) => matches(tag, filter)));
    const { items, next } = page(found, token, size, 'InvalidNextToken');
    return { Tags: items, NextToken: next };
  },
});

function matches(tag: model.TagDescription, { Name: name = '', Values: values = [] }: model.Filter): boolean {
  const fields: Record<string, string | undefined> = {
    'auto-scaling-group': tag.ResourceId,
    key: tag.Key,
    value: tag.Value,
    'propagate-at-launch': String(tag.PropagateAtLaunch),
  };
  if (Object.hasOwn(fields, name)) return values.includes(fields[name]!);
  const allowed = `[${Object.keys(fields).join(', ')}]`;
  throw invalid(`Filter type ${name} is not correct. Allowed Filter types are: ${allowed}`);
}
