import type { Request } from './policy.ts';
import { account, arn, region } from './service.ts';

/** What policies may ask of the resources of a call: their tags. Undefined for what isn't there. */
export interface Tagged {
  group(name: string): { arn: string; tags: Record<string, string> } | undefined;
  targetGroupTags(arn: string): Record<string, string> | undefined;
  instanceTags(instanceId: string): Record<string, string> | undefined;
}

type Needs = Pick<Request, 'resource' | 'keys'> & { action?: string };
// biome-ignore lint/suspicious/noExplicitAny: the input has been validated against the operation's schema.
type Rule = (input: any, tagged: Tagged) => Needs[];

/**
 * What a call needs, all of it, as the Service Authorization Reference has it; undefined for a call of which
 * nothing is known here.
 */
export function needsOf(
  service: string,
  operation: string,
  input: Record<string, unknown>,
  tagged: Tagged,
): Request[] | undefined {
  const rule = rules[service]?.[operation];
  const prefix = service === 'elbv2' ? 'elasticloadbalancing' : service;
  return rule?.(input, tagged).map((need) => ({ action: `${prefix}:${operation}`, ...need }));
}

const unscoped: Rule = () => [{ resource: '*' }];
const all = (operations: string, rule: Rule): Record<string, Rule> =>
  Object.fromEntries(operations.split(' ').map((operation) => [operation, rule]));

/** A version or a label of a parameter is under the parameter's own permission, and so is what is below a path. */
const parameter = (name: string): Needs => {
  const path = name.replace(/:.*/, '').replace(/^\/|\/$/g, '');
  return { resource: arn('ssm', `parameter/${path}`) };
};

const tagKeys = (prefix: string, tags: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tags).map(([key, value]) => [`${prefix}:resourcetag/${key}`.toLowerCase(), value]),
  );

const group: Rule = ({ AutoScalingGroupName: name }, tagged) => {
  const found = tagged.group(name);
  const resource = found?.arn ?? arn('autoscaling', `autoScalingGroup:*:autoScalingGroupName/${name}`);
  return [{ resource, keys: tagKeys('aws', found?.tags) }];
};

const targetGroup: Rule = ({ TargetGroupArn: resource }, tagged) => [
  { resource, keys: tagKeys('aws', tagged.targetGroupTags(resource)) },
];

const sendCommand: Rule = ({ DocumentName: document, InstanceIds: ids = [] }, tagged) => [
  { resource: document.startsWith('arn:') ? document : arn('ssm', `document/${document}`) },
  ...ids.map((id: string) => {
    const tags = tagged.instanceTags(id);
    return {
      resource: `arn:aws:ec2:${region}:${account}:instance/${id}`,
      keys: { ...tagKeys('aws', tags), ...tagKeys('ssm', tags) },
    };
  }),
];

const putEvents: Rule = ({ Entries: entries }) =>
  entries.map(
    ({ EventBusName: bus = 'default', Source: source, DetailType: type }: Record<string, string>) => ({
      resource: bus.startsWith('arn:') ? bus : arn('events', `event-bus/${bus}`),
      keys: { 'events:source': source, 'events:detail-type': type },
    }),
  );

const rules: Record<string, Record<string, Rule>> = {
  autoscaling: {
    ...all('DescribeAutoScalingGroups DescribeAutoScalingInstances DescribeLifecycleHooks', unscoped),
    ...all('DescribeScalingActivities DescribeTags DescribeWarmPool', unscoped),
    ...all('CompleteLifecycleAction RecordLifecycleActionHeartbeat', group),
  },
  elbv2: {
    ...all('DescribeListeners DescribeLoadBalancers DescribeTags DescribeTargetGroupAttributes', unscoped),
    ...all('DescribeTargetGroups DescribeTargetHealth', unscoped),
    ...all('DeregisterTargets RegisterTargets', targetGroup),
  },
  ssm: {
    ...all('DescribeInstanceInformation GetCommandInvocation ListCommandInvocations ListCommands', unscoped),
    ...all('GetParameter GetParameterHistory PutParameter DeleteParameter', ({ Name }) => [parameter(Name)]),
    ...all('GetParameters DeleteParameters', ({ Names }) => Names.map(parameter)),
    GetParametersByPath: ({ Path }) => [parameter(Path)],
    SendCommand: sendCommand,
  },
  lambda: {
    Invoke: ({ FunctionName: name }) => [
      {
        action: 'lambda:InvokeFunction',
        resource: name.startsWith('arn:') ? name : arn('lambda', `function:${name}`),
      },
    ],
  },
  events: { PutEvents: putEvents },
  // Whoever has credentials may ask whose they are.
  sts: { GetCallerIdentity: () => [] },
};
