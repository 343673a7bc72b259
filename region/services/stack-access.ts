import { type Access, iamArn, type RoleSource } from '../access.ts';
import { TemplateError } from '../template-intrinsics.ts';
import { kind, type Properties } from './stack-kind.ts';
import type { ResourceKind } from './stacks.ts';

/** IAM's resources, and the launch templates that give instances their role. */
export function accessKinds(
  access: Access,
  ids: { hex(digits: number): string },
): Record<string, ResourceKind> {
  return {
    'AWS::IAM::ManagedPolicy': kind(
      'ManagedPolicyName Description PolicyDocument Roles',
      (p, { generatedName }) => {
        const id = iamArn(`policy/${p.ManagedPolicyName ?? generatedName}`);
        access.setPolicy(id, p.PolicyDocument, p.Roles);
        return { id };
      },
      {
        update: (id, p) => access.setPolicy(id, p.PolicyDocument, p.Roles),
        remove: (id) => access.remove(id),
      },
    ),
    'AWS::IAM::Role': kind(
      'RoleName Description AssumeRolePolicyDocument ManagedPolicyArns PermissionsBoundary Policies Tags',
      (p, { generatedName }) => {
        const name = p.RoleName ?? generatedName;
        access.setRole(name, roleSource(p));
        return { id: name, Arn: iamArn(`role/${name}`), RoleId: name };
      },
      { update: (id, p) => access.setRole(id, roleSource(p)), remove: (id) => access.remove(id) },
    ),
    'AWS::IAM::InstanceProfile': kind(
      'InstanceProfileName Roles',
      (p, { generatedName }) => {
        const name = p.InstanceProfileName ?? generatedName;
        const [role, ...others] = p.Roles;
        if (others.length > 0) throw new TemplateError('an instance profile has one role');
        return { id: name, Arn: access.addProfile(name, role) };
      },
      { remove: (id) => access.remove(iamArn(`instance-profile/${id}`)) },
    ),
    // All but the profile is only recorded.
    'AWS::EC2::LaunchTemplate': kind(undefined, ({ LaunchTemplateData: data }) => {
      const id = `lt-${ids.hex(17)}`;
      access.addLaunchTemplate(id, data.IamInstanceProfile?.Arn);
      return { id, LatestVersionNumber: '1' };
    }),
  };
}

const roleSource = ({
  Policies = [],
  ManagedPolicyArns = [],
  PermissionsBoundary,
}: Properties): RoleSource => ({
  documents: Policies.map(({ PolicyDocument }: { PolicyDocument: unknown }) => PolicyDocument),
  managed: ManagedPolicyArns,
  boundary: PermissionsBoundary,
});
