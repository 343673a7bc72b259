import { type Access, iamArn } from '../access.ts';
import { TemplateError } from '../template-intrinsics.ts';
import { kind } from './stack-kind.ts';
import type { ResourceKind } from './stacks.ts';

/** IAM's resources, and the launch templates that give instances their role. */
export function accessKinds(
  access: Access,
  ids: { hex(digits: number): string },
): Record<string, ResourceKind> {
  return {
    'AWS::IAM::ManagedPolicy': kind(
      'ManagedPolicyName Description PolicyDocument',
      (p, { generatedName }) => {
        return { id: access.addPolicy(p.ManagedPolicyName ?? generatedName, p.PolicyDocument) };
      },
    ),
    'AWS::IAM::Role': kind(
      'RoleName Description AssumeRolePolicyDocument ManagedPolicyArns PermissionsBoundary Policies Tags',
      (p, { generatedName }) => {
        const name = p.RoleName ?? generatedName;
        const documents = (p.Policies ?? []).map(
          ({ PolicyDocument }: { PolicyDocument: unknown }) => PolicyDocument,
        );
        access.addRole(name, documents, p.ManagedPolicyArns ?? [], p.PermissionsBoundary);
        return { id: name, Arn: iamArn(`role/${name}`), RoleId: name };
      },
    ),
    'AWS::IAM::InstanceProfile': kind('InstanceProfileName Roles', (p, { generatedName }) => {
      const name = p.InstanceProfileName ?? generatedName;
      const [role, ...others] = p.Roles;
      if (others.length > 0) throw new TemplateError('an instance profile has one role');
      return { id: name, Arn: access.addProfile(name, role) };
    }),
    // All but the profile is only recorded.
    'AWS::EC2::LaunchTemplate': kind(undefined, ({ LaunchTemplateData: data }) => {
      const id = `lt-${ids.hex(17)}`;
      access.addLaunchTemplate(id, data.IamInstanceProfile?.Arn);
      return { id, LatestVersionNumber: '1' };
    }),
  };
}
