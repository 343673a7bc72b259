import { account, region } from '../service.ts';
import { type Scope, TemplateError } from '../template-intrinsics.ts';
import type { Stack } from './stacks.ts';

/** What a stack's own template may refer to; `others` have the outputs that it may import. */
export function scopeOf(stack: Stack, others: Stack[]): Omit<Scope, 'condition'> {
  const pseudo: Record<string, unknown> = {
    'AWS::AccountId': account,
    'AWS::Partition': 'aws',
    'AWS::Region': region,
    'AWS::StackId': stack.id,
    'AWS::StackName': stack.name,
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::NotificationARNs': [],
  };
  return {
    ref(name) {
      const value = stack.parameters[name] ?? pseudo[name] ?? stack.resources.get(name)?.id;
      if (value === undefined) throw new TemplateError(`Ref ${name} is unresolved`);
      return value;
    },
    attribute(logicalId, attribute) {
      const value = stack.resources.get(logicalId)?.attributes[attribute];
      if (value === undefined) throw new TemplateError(`Fn::GetAtt ${logicalId}.${attribute} is unresolved`);
      return value;
    },
    exported(name) {
      const output = others.flatMap(({ outputs }) => outputs).find(({ exportName }) => exportName === name);
      if (!output) throw new TemplateError(`No export named ${name} found`);
      return output.value;
    },
  };
}

/** @throws TemplateError for a condition that the template doesn't have. */
export function holds(conditions: Record<string, boolean>, name: string): boolean {
  const value = conditions[name];
  if (value === undefined) throw new TemplateError(`Unresolved condition ${name}`);
  return value;
}
