import { arn, region } from '../service.ts';
import { kind, type Properties } from './stack-kind.ts';
import type { ResourceKind } from './stacks.ts';

/**
 * Resources that the region only records: nothing in it acts on them, but others refer to them by name,
 * ARN or id. Their properties stay readable in the stack.
 */
export function recordedKinds(ids: { hex(digits: number): string }): Record<string, ResourceKind> {
  return {
    'AWS::Logs::LogGroup': named('LogGroupName', (name) => ({
      Arn: `${arn('logs', `log-group:${name}`)}:*`,
    })),
    'AWS::CloudWatch::Alarm': named('AlarmName', (name) => ({ Arn: arn('cloudwatch', `alarm:${name}`) })),
    'AWS::CloudWatch::Dashboard': named('DashboardName', () => ({})),
    // Nobody is written to: `region logs notifications` shows what a subscriber would get.
    'AWS::SNS::Subscription': named('', (name) => ({ id: `${arn('sns', name)}` })),
    'AWS::S3::Bucket': named('BucketName', (name) => {
      const id = name.toLowerCase();
      return { id, Arn: `arn:aws:s3:::${id}`, DomainName: `${id}.s3.${region}.amazonaws.com` };
    }),
    'AWS::S3::BucketPolicy': named('', () => ({})),
    'AWS::EC2::SecurityGroup': named('', (_, { VpcId }) => {
      const id = `sg-${ids.hex(17)}`;
      return { id, GroupId: id, VpcId };
    }),
    'AWS::EC2::SecurityGroupIngress': named('', () => ({ id: `sgr-${ids.hex(17)}` })),
    'AWS::EC2::PrefixList': named('', () => {
      const id = `pl-${ids.hex(17)}`;
      return { id, PrefixListId: id };
    }),
    'AWS::EC2::VPCEndpoint': named('', () => ({ id: `vpce-${ids.hex(17)}` })),
    'AWS::AutoScaling::ScalingPolicy': named('', (name) => ({
      id: arn('autoscaling', `scalingPolicy:${name}`),
    })),
    'AWS::Route53::RecordSet': named('Name', () => ({})),
    'AWS::Logs::MetricFilter': named('FilterName', () => ({})),
  };
}

/** A resource whose name one of its properties may give; the name is its id unless another is answered. */
function named(
  property: string,
  attributesOf: (name: string, properties: Properties) => object,
): ResourceKind {
  return kind(undefined, (properties, { generatedName }) => {
    const name = String(properties[property] ?? generatedName);
    return { id: name, ...attributesOf(name, properties) };
  });
}
