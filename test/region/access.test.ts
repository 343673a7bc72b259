import { readFileSync } from 'node:fs';
import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as elbv2 from '@aws-sdk/client-elastic-load-balancing-v2';
import * as events from '@aws-sdk/client-eventbridge';
import * as lambda from '@aws-sdk/client-lambda';
import * as ssm from '@aws-sdk/client-ssm';
import * as sts from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sessionArn } from '../../region/access.ts';
import { type Applications, addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import { requestHandler } from '../../region/http.ts';
import { createInProcessSandboxes } from '../../region/sandbox-in-process.ts';
import { readTemplate } from '../../region/template.ts';
import { type Bed, commandDocument, createBed, groupSpec, until } from './bed.ts';

/** What a role may do and may not, over the wire. */

const identity = sessionArn('deployed', 'shoal-work');
const here = 'ap-northeast-1:000000000000';
const ofAFleet = { StringLike: { 'aws:ResourceTag/shoal:fleet': '*' } };

let bed: Bed;
let applications: Applications;
beforeEach(() => {
  bed = createBed();
  applications = addApplications(
    { ...bed.world, sandboxes: createInProcessSandboxes(machineClock, {}) },
    { endpoint: 'http://region', unpack: () => ({ directory: '/', size: 1, sha256: '' }) },
  );
});
afterEach(async () => {
  await applications.close();
  await bed.world.close();
});

const allow = (Action: string | string[], Resource: string | string[] = '*', Condition: object = {}) => ({
  ...{ Effect: 'Allow', Action, Resource, Condition },
});
const give = (statements: object[], bounds?: object[], name = 'deployed') => {
  const { access } = bed.world;
  const boundary = bounds && access.addPolicy('boundary', { Statement: bounds });
  access.addRole(name, [{ Statement: statements }], [], boundary);
};

/** Calls as a session of a role. */
function call(service: object, operation: string, input: object, as = identity): Promise<unknown> {
  bed.world.wire.identities.set('ASIA', as);
  const named = Object.entries(service) as [
    string,
    new (options: object) => { send(command: object): Promise<unknown> },
  ][];
  const [, Client] = named.find(([name]) => /^(?!_).+Client$/.test(name))!;
  const [, Command] = named.find(([name]) => name === `${operation}Command`)!;
  const client = new Client({
    ...{ endpoint: 'http://region', region: 'ap-northeast-1', maxAttempts: 1 },
    requestHandler: requestHandler(bed.world.wire),
    credentials: { accessKeyId: 'ASIA', secretAccessKey: 'x' },
  });
  return client.send(new Command(input));
}

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
    give([allow('sqs:*')]);
    const [action] = what.split(' ');
    await expect(call(service, operation, input)).rejects.toMatchObject({
      ...{ name, $metadata: { httpStatusCode: status } },
      message: `User: ${identity} is not authorized to perform: ${what} because no identity-based policy allows the ${action} action`,
    });
    expect(bed.world.access.denials).toMatchObject([{ identity, action }]);
    give([allow(action!)]);
    await call(service, operation, input).catch((error) => expect(error.name).not.toContain('AccessDenied'));
  },
);

test('a call of which nothing is known is denied to every role', async () => {
  give([allow('*')]);
  const scaled = call(autoscaling, 'SetDesiredCapacity', {
    AutoScalingGroupName: 'proxies',
    DesiredCapacity: 0,
  });
  await expect(scaled).rejects.toThrow('because what the call needs is not known to the region');
});

test('a role that is not there may do nothing but say who it is', async () => {
  await expect(call(ssm, 'GetParameter', { Name: 'a' })).rejects.toThrow('no identity-based policy allows');
  expect(await call(sts, 'GetCallerIdentity', {})).toMatchObject({ Arn: identity });
});

test('a boundary has to allow it too, and a deny wins in both', async () => {
  const read = () => call(ssm, 'GetParameter', { Name: 'a' });
  give([allow('ssm:*')], [allow('ssm:GetParameter')]);
  await expect(read()).rejects.toMatchObject({ name: 'ParameterNotFound' });
  give([allow('ssm:*')], [allow('ssm:PutParameter')]);
  await expect(read()).rejects.toThrow('because no permissions boundary allows the ssm:GetParameter action');
  const deny = { ...allow('ssm:GetParameter'), Effect: 'Deny' };
  give([allow('ssm:*'), deny], [allow('*')]);
  await expect(read()).rejects.toThrow('with an explicit deny in an identity-based policy');
  give([allow('ssm:*')], [allow('*'), deny]);
  await expect(read()).rejects.toThrow('with an explicit deny in a permissions boundary');
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
      call(ssm, 'SendCommand', { DocumentName: 'shoal-apply', InstanceIds, Parameters: { mode: ['apply'] } });
    give([allow('ssm:SendCommand', `arn:aws:ec2:${here}:instance/*`, ofAFleet)]);
    await expect(send([mine])).rejects.toThrow(
      `ssm:SendCommand on resource: arn:aws:ssm:${here}:document/shoal-apply`,
    );
    give([
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
    give([allow(['autoscaling:Complete*', 'elasticloadbalancing:RegisterTargets'], '*', ofAFleet)]);
    groups.createGroup(groupSpec({ desiredCapacity: 0 }));
    groups.createGroup(groupSpec({ name: 'others', desiredCapacity: 0, tags: [] }));
    const register = (arn: string) => call(elbv2, 'RegisterTargets', targets(arn));
    const end = (name: string) =>
      call(autoscaling, 'CompleteLifecycleAction', { ...complete, AutoScalingGroupName: name });
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
    give([allow('events:PutEvents', `arn:aws:events:${here}:event-bus/default`, Condition)]);
    await expect(call(events, 'PutEvents', { Entries: [notice] })).resolves.toMatchObject({
      FailedEntryCount: 0,
    });
    const other = { ...notice, Source: 'other' };
    await expect(call(events, 'PutEvents', { Entries: [notice, other] })).rejects.toThrow('events:PutEvents');
  });
});

describe('an instance', () => {
  const agent = ['ssm:UpdateInstanceInformation'].concat(
    ['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel', 'OpenDataChannel'].map(
      (it) => `ssmmessages:${it}`,
    ),
  );
  const online = async () => {
    const { InstanceInformationList: found } = (await bed.world.commands.service.operations
      .DescribeInstanceInformation!(
      {},
      { identity: '', accessKeyId: '', requestId: '' },
    )) as ssm.DescribeInstanceInformationResult;
    return found?.length ?? 0;
  };
  const launch = async (profile: string | undefined) => {
    bed.world.access.addLaunchTemplate('lt-1', profile);
    bed.world.autoscaling.createGroup(
      groupSpec({ launchTemplate: { id: 'lt-1', name: 'lt-1', version: '1' } }),
    );
    await until(() => bed.world.instances.all()[0]?.state === 'running');
    await new Promise((resolve) => setTimeout(resolve, 20));
  };

  test('whose role lets its agent work is online', async () => {
    give([allow(agent)], undefined, 'instance');
    await launch(bed.world.access.addProfile('instance', 'instance'));
    expect(await online()).toBe(1);
  });

  test.each(agent)('whose role lacks %s stays offline, and it is said', async (action) => {
    give([allow(agent.filter((it) => it !== action))], undefined, 'instance');
    await launch(bed.world.access.addProfile('instance', 'instance'));
    expect(await online()).toBe(0);
    const [{ instanceId } = { instanceId: '' }] = bed.world.instances.all();
    const [denial] = bed.world.access.denials;
    expect(denial?.message).toContain(
      `assumed-role/instance/${instanceId} is not authorized to perform: ${action}`,
    );
  });

  test('without a role stays offline', async () => {
    await launch(undefined);
    expect(await online()).toBe(0);
  });
});

describe('the instances of a fleet', () => {
  const asInstance = () => {
    const { Role } = Object.fromEntries(
      [...applications.stacks.stack('demo')!.resources.values()].map(({ type, id }) => [
        type.split('::')[2],
        id,
      ]),
    );
    return sessionArn(String(Role), 'i-1');
  };
  beforeEach(() => {
    const fleet = readTemplate(readFileSync('infra/fleet.yml', 'utf8'));
    applications.stacks.deploy('demo', fleet, {
      ...{ FleetName: 'demo', VpcId: 'vpc-1', SubnetIds: 'subnet-a,subnet-c', ClientCidrs: '10.0.0.0/8' },
      ...{ MinSize: '0', MaxSize: '2', DesiredCapacity: '1', ProbeUrl: 'https://probe.example' },
    });
  });

  test.each<[string, (name: string) => object]>([
    ['GetParameter', (Name) => ({ Name })],
    ['GetParameters', (name) => ({ Names: [name] })],
    ['GetParameterHistory', (Name) => ({ Name })],
    ['GetParametersByPath', (name) => ({ Path: name.replace(/\/[^/]*$/, ''), Recursive: true })],
    ['PutParameter', (Name) => ({ Name, Value: 'x', Overwrite: true })],
    ['DeleteParameters', (name) => ({ Names: [name] })],
  ])('can do %s with no fleet’s parameters, and with no state', async (operation, input) => {
    const { Parameters: own } = (await bed.world.parameters.service.operations.GetParametersByPath!(
      { Path: '/', Recursive: true },
      { identity: '', accessKeyId: '', requestId: '' },
    )) as ssm.GetParametersByPathResult;
    const names = [...own!.map(({ Name }) => Name!), '/shoal/other/port', '/shoal-state/demo/status'];
    expect(names.length).toBeGreaterThan(5);
    for (const name of names)
      await expect(call(ssm, operation, input(name), asInstance())).rejects.toThrow(
        `not authorized to perform: ssm:${operation}`,
      );
  });

  test('have agents that come online, and need all that their role allows', async () => {
    await until(() => bed.world.instances.all().some((it) => it.agentOnlineAt < Date.now()));
    const [role] = bed.world.access.roles.values();
    const texts = role!.statements.flatMap(({ actions }) => actions.map(({ text }) => text));
    expect([...new Set([...role!.used.values()].flatMap((it) => [...it]))]).toEqual(
      expect.arrayContaining(texts),
    );
    expect(bed.world.access.denials).toEqual([]);
  });
});
