import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as elbv2 from '@aws-sdk/client-elastic-load-balancing-v2';
import * as events from '@aws-sdk/client-eventbridge';
import * as lambda from '@aws-sdk/client-lambda';
import * as ssm from '@aws-sdk/client-ssm';
import * as sts from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readTemplate } from '../../region/template.ts';
import { type AccessBed, allow, createAccessBed, identity } from './access-bed.ts';
import { commandDocument, groupSpec, until } from './bed.ts';

/** What a role may do and may not, over the wire. */

const here = 'ap-northeast-1:000000000000';
const ofAFleet = { StringLike: { 'aws:ResourceTag/shoal:fleet': '*' } };

let bed: AccessBed;
beforeEach(() => {
  bed = createAccessBed();
});
afterEach(() => bed.close());

const complete = {
  AutoScalingGroupName: 'proxies',
  LifecycleHookName: 'none',
  InstanceId: 'i-1',
  LifecycleActionResult: 'CONTINUE',
};
const targets = (arn: string) => ({ TargetGroupArn: arn, Targets: [{ Id: 'i-1' }] });
const noTarget = targets(`arn:aws:elasticloadbalancing:${here}:targetgroup/none/0`);
const notice = { Source: 'shoal', DetailType: 'Test', Detail: '{}' };

test.each<[string, object, string, object, string, number, string]>([
  [
    'Auto Scaling',
    autoscaling,
    'DescribeAutoScalingGroups',
    {},
    'AccessDenied',
    403,
    'autoscaling:DescribeAutoScalingGroups',
  ],
  [
    'a group',
    autoscaling,
    'CompleteLifecycleAction',
    complete,
    'AccessDenied',
    403,
    `autoscaling:CompleteLifecycleAction on resource: arn:aws:autoscaling:${here}:autoScalingGroup:*:autoScalingGroupName/proxies`,
  ],
  [
    'a target group',
    elbv2,
    'RegisterTargets',
    noTarget,
    'AccessDenied',
    403,
    `elasticloadbalancing:RegisterTargets on resource: ${noTarget.TargetGroupArn}`,
  ],
  [
    'a parameter',
    ssm,
    'GetParameters',
    { Names: ['/shoal/tokyo/port:3'] },
    'AccessDeniedException',
    400,
    `ssm:GetParameters on resource: arn:aws:ssm:${here}:parameter/shoal/tokyo/port`,
  ],
  [
    'a path',
    ssm,
    'GetParametersByPath',
    { Path: '/shoal/tokyo/' },
    'AccessDeniedException',
    400,
    `ssm:GetParametersByPath on resource: arn:aws:ssm:${here}:parameter/shoal/tokyo`,
  ],
  [
    'a function',
    lambda,
    'Invoke',
    { FunctionName: 'work' },
    'AccessDeniedException',
    403,
    `lambda:InvokeFunction on resource: arn:aws:lambda:${here}:function:work`,
  ],
  [
    'a bus',
    events,
    'PutEvents',
    { Entries: [notice] },
    'AccessDeniedException',
    400,
    `events:PutEvents on resource: arn:aws:events:${here}:event-bus/default`,
  ],
])(
  'a call of %s is denied in its service’s own words',
  async (_, service, operation, input, name, status, what) => {
    bed.give([allow('sqs:*')]);
    const [action] = what.split(' ');
    await expect(bed.call(service, operation, input)).rejects.toMatchObject({
      ...{ name, $metadata: { httpStatusCode: status } },
      message: `User: ${identity} is not authorized to perform: ${what} because no identity-based policy allows the ${action} action`,
    });
    expect(bed.access.denials).toMatchObject([{ identity, action }]);
    bed.give([allow(action!)]);
    await bed
      .call(service, operation, input)
      .catch((error) => expect(error.name).not.toContain('AccessDenied'));
  },
);

test('a call of which nothing is known is denied to every role', async () => {
  bed.give([allow('*')]);
  const scaled = bed.call(autoscaling, 'SetDesiredCapacity', {
    AutoScalingGroupName: 'proxies',
    DesiredCapacity: 0,
  });
  await expect(scaled).rejects.toThrow('because what the call needs is not known to the region');
});

test('a role that is not there may do nothing but say who it is', async () => {
  await expect(bed.call(ssm, 'GetParameter', { Name: 'a' })).rejects.toThrow(
    'no identity-based policy allows',
  );
  expect(await bed.call(sts, 'GetCallerIdentity', {})).toMatchObject({ Arn: identity });
});

test('a boundary has to allow it too, and a deny wins in both', async () => {
  const read = () => bed.call(ssm, 'GetParameter', { Name: 'a' });
  bed.give([allow('ssm:*')], { bounds: [allow('ssm:GetParameter')] });
  await expect(read()).rejects.toMatchObject({ name: 'ParameterNotFound' });
  bed.give([allow('ssm:*')], { bounds: [allow('ssm:PutParameter')] });
  await expect(read()).rejects.toThrow('because no permissions boundary allows the ssm:GetParameter action');
  const deny = { ...allow('ssm:GetParameter'), Effect: 'Deny' };
  bed.give([allow('ssm:*'), deny], { bounds: [allow('*')] });
  await expect(read()).rejects.toThrow('with an explicit deny in an identity-based policy');
  bed.give([allow('ssm:*')], { bounds: [allow('*'), deny] });
  await expect(read()).rejects.toThrow('with an explicit deny in a permissions boundary');
});

test('a policy that a stack attaches, or changes, holds for its roles at once', async () => {
  const template = (roles: string) => `
Parameters: { Action: { Type: String, Default: 'ssm:GetParameter' } }
Resources:
  Role: { Type: AWS::IAM::Role, Properties: { RoleName: deployed } }
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Roles: [${roles}]
      PolicyDocument: { Statement: [{ Effect: Allow, Action: !Ref Action, Resource: '*' }] }`;
  expect(() => bed.stacks.deploy('none', readTemplate(template('none')), {})).toThrow(
    'role none is not known',
  );
  bed.stacks.deploy('roles', readTemplate(template('!Ref Role')), {});
  const read = () => bed.call(ssm, 'GetParameter', { Name: 'a' });
  await expect(read()).rejects.toMatchObject({ name: 'ParameterNotFound' });
  bed.stacks.update('roles', { Action: 'ssm:PutParameter' });
  await expect(read()).rejects.toThrow('not authorized to perform: ssm:GetParameter');
});

describe('conditions on tags', () => {
  test('a command needs its document, and the tag of each instance', async () => {
    bed.world.commands.putDocument('shoal-apply', commandDocument);
    bed.world.autoscaling.createGroup(groupSpec());
    bed.world.autoscaling.createGroup(groupSpec({ name: 'others', tags: [] }));
    const ids = () =>
      bed.world.instances
        .all()
        .filter((it) => it.state === 'running')
        .map((it) => it.instanceId);
    await until(() => ids().length === 2);
    const [mine, other] = ids();
    const send = (InstanceIds: unknown[]) =>
      bed.call(ssm, 'SendCommand', {
        DocumentName: 'shoal-apply',
        InstanceIds,
        Parameters: { mode: ['apply'] },
      });
    bed.give([allow('ssm:SendCommand', `arn:aws:ec2:${here}:instance/*`, ofAFleet)]);
    await expect(send([mine])).rejects.toThrow(
      `ssm:SendCommand on resource: arn:aws:ssm:${here}:document/shoal-apply`,
    );
    bed.give([
      allow('ssm:SendCommand', `arn:aws:ssm:${here}:document/shoal-apply`),
      allow('ssm:SendCommand', `arn:aws:ec2:${here}:instance/*`, ofAFleet),
    ]);
    await expect(send([mine, other])).rejects.toThrow(
      `on resource: arn:aws:ec2:${here}:instance/${other} because`,
    );
    await expect(send([mine])).resolves.toMatchObject({ Command: { InstanceIds: [mine] } });
  });

  test('a group and a target group are let alone without the tag', async () => {
    const { autoscaling: groups, targets: balancing } = bed.world;
    const of = (tags: Record<string, string>) =>
      balancing.createTargetGroup({ name: 'a', port: 1, vpcId: 'v', tags }).arn;
    bed.give([allow(['autoscaling:Complete*', 'elasticloadbalancing:RegisterTargets'], '*', ofAFleet)]);
    groups.createGroup(groupSpec({ desiredCapacity: 0 }));
    groups.createGroup(groupSpec({ name: 'others', desiredCapacity: 0, tags: [] }));
    const register = (arn: string) => bed.call(elbv2, 'RegisterTargets', targets(arn));
    const end = (name: string) =>
      bed.call(autoscaling, 'CompleteLifecycleAction', { ...complete, AutoScalingGroupName: name });
    await expect(end('proxies')).rejects.toThrow('No active Lifecycle Action found');
    await expect(end('others')).rejects.toThrow(
      'autoScalingGroupName/others because no identity-based policy',
    );
    await expect(end('nobody')).rejects.toThrow('autoScalingGroup:*:autoScalingGroupName/nobody because');
    await expect(register(of({ 'shoal:fleet': 'tokyo' }))).rejects.toThrow("Instance ID 'i-1' is not valid");
    await expect(register(of({}))).rejects.toThrow('elasticloadbalancing:RegisterTargets on resource');
  });

  test('events go out under the name that is allowed alone', async () => {
    const Condition = { StringEquals: { 'events:source': 'shoal' } };
    bed.give([allow('events:PutEvents', `arn:aws:events:${here}:event-bus/default`, Condition)]);
    await expect(bed.call(events, 'PutEvents', { Entries: [notice] })).resolves.toMatchObject({
      FailedEntryCount: 0,
    });
    const other = { ...notice, Source: 'other' };
    await expect(bed.call(events, 'PutEvents', { Entries: [notice, other] })).rejects.toThrow(
      'events:PutEvents',
    );
  });
});
