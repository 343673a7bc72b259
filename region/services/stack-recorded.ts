import { account, arn, region } from '../service.ts';
import type { CreatedResource, ResourceKind, ResourceRequest } from './stacks.ts';

type Names = (given: string, request: ResourceRequest) => CreatedResource;

/**
 * Resources that the region only records: nothing in it acts on them, but others refer to them by name,
 * ARN or id. Their properties, such as a role's policies, stay readable in the stack.
 */
export function recordedKinds(ids: { hex(digits: number): string }): Record<string, ResourceKind> {
  const recorded = (nameProperty: string, names: Names): ResourceKind => ({
    create: (request) => names(String(request.properties[nameProperty] ?? request.generatedName), request),
  });
  const iam = (kind: string) => (name: string) => `arn:aws:iam::${account}:${kind}/${name}`;
  const byId = (
    prefix: string,
    attributes: (id: string, request: ResourceRequest) => object,
  ): ResourceKind => ({
    create(request) {
      const id = `${prefix}-${ids.hex(17)}`;
      return { id, attributes: { ...attributes(id, request) } };
    },
  });
  return {
    'AWS::IAM::Role': recorded('RoleName', (name) => ({
      id: name,
      attributes: { Arn: iam('role')(name), RoleId: name },
    })),
    'AWS::IAM::InstanceProfile': recorded('InstanceProfileName', (name) => ({
      id: name,
      attributes: { Arn: iam('instance-profile')(name) },
    })),
    'AWS::IAM::ManagedPolicy': recorded('ManagedPolicyName', (name) => ({
      id: iam('policy')(name),
      attributes: { PolicyArn: iam('policy')(name) },
    })),
    'AWS::IAM::Policy': recorded('PolicyName', (name) => ({ id: name, attributes: {} })),
    'AWS::Logs::LogGroup': recorded('LogGroupName', (name) => ({
      id: name,
      attributes: { Arn: `${arn('logs', `log-group:${name}`)}:*` },
    })),
    'AWS::CloudWatch::Alarm': recorded('AlarmName', (name) => ({
      id: name,
      attributes: { Arn: arn('cloudwatch', `alarm:${name}`) },
    })),
    'AWS::CloudWatch::Dashboard': recorded('DashboardName', (name) => ({ id: name, attributes: {} })),
    'AWS::SNS::Topic': recorded('TopicName', (name) => ({
      id: arn('sns', name),
      attributes: { TopicName: name, TopicArn: arn('sns', name) },
    })),
    'AWS::SNS::TopicPolicy': recorded('', (name) => ({ id: name, attributes: {} })),
    'AWS::S3::Bucket': recorded('BucketName', (name) => ({
      id: name.toLowerCase(),
      attributes: {
        Arn: `arn:aws:s3:::${name.toLowerCase()}`,
        DomainName: `${name.toLowerCase()}.s3.${region}.amazonaws.com`,
      },
    })),
    'AWS::S3::BucketPolicy': recorded('', (name) => ({ id: name, attributes: {} })),
    'AWS::EC2::LaunchTemplate': byId('lt', (id) => ({
      LaunchTemplateId: id,
      LatestVersionNumber: '1',
      DefaultVersionNumber: '1',
    })),
    'AWS::EC2::SecurityGroup': byId('sg', (id, { properties }) => ({ GroupId: id, VpcId: properties.VpcId })),
    'AWS::EC2::SecurityGroupIngress': byId('sgr', () => ({})),
    'AWS::EC2::SecurityGroupEgress': byId('sgr', () => ({})),
  };
}
