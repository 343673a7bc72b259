import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readTemplate } from '../../region/template.ts';

test('an instance may do what its agent needs, and nothing to a fleet', () => {
  const { Resources } = readTemplate(
    readFileSync(new URL('../../infra/fleet.yml', import.meta.url), 'utf8'),
  ) as { Resources: Record<string, { Type: string; Properties?: Record<string, unknown> }> };
  const roles = Object.values(Resources).filter(({ Type }) => Type === 'AWS::IAM::Role');
  expect(roles).toHaveLength(1);
  const role = JSON.parse(JSON.stringify(roles[0]?.Properties));
  expect(role.ManagedPolicyArns).toBeUndefined();
  const statements = role.Policies.flatMap(
    (policy: { PolicyDocument: { Statement: object[] } }) => policy.PolicyDocument.Statement,
  ) as { Effect: string; Action: string | string[]; NotAction?: unknown }[];
  expect(statements.some(({ NotAction }) => NotAction !== undefined)).toBe(false);
  const actions = statements.flatMap(({ Action }) => [Action].flat());
  expect(actions).toContain('ssm:UpdateInstanceInformation');
  const mayBe = /^(ssm:UpdateInstanceInformation|(ssmmessages|ec2messages|logs):[A-Za-z]+)$/;
  expect(actions.filter((action) => !mayBe.test(action))).toEqual([]);
});
