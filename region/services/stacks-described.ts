import { page } from '../pages.ts';
import { AwsError } from '../service.ts';
import type { Stack } from './stacks.ts';

const pageSize = 100;

/** Those there are; one that was deleted by its id alone. */
export function describeStacks(
  all: Stack[],
  deleted: Stack[],
  { StackName, NextToken }: { StackName?: string; NextToken?: string },
) {
  const wanted = [
    ...all.filter(({ name, id }) => StackName === undefined || name === StackName || id === StackName),
    ...deleted.filter(({ id }) => id === StackName),
  ];
  if (StackName !== undefined && wanted.length === 0) {
    throw new AwsError('ValidationError', `Stack with id ${StackName} does not exist`);
  }
  const { items, next } = page(wanted, NextToken, pageSize, 'ValidationError');
  return {
    Stacks: items.map((stack) => ({
      StackId: stack.id,
      StackName: stack.name,
      CreationTime: new Date(stack.createdAt),
      StackStatus: stack.status,
      ...(stack.reason !== undefined && { StackStatusReason: stack.reason }),
      ...(stack.deletedAt !== undefined && { DeletionTime: new Date(stack.deletedAt) }),
      DisableRollback: false,
      Parameters: Object.entries(stack.parameters).map(([ParameterKey, value]) => ({
        ParameterKey,
        ParameterValue: [value].flat().join(','),
      })),
      Outputs: stack.outputs.map(({ key, value, description, exportName }) => ({
        OutputKey: key,
        OutputValue: value,
        ...(description !== undefined && { Description: description }),
        ...(exportName !== undefined && { ExportName: exportName }),
      })),
      Tags: [],
    })),
    ...(next && { NextToken: next }),
  };
}
