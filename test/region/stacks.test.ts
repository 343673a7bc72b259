import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Applications, addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import { createSimulatedHosts } from '../../region/hosts/simulated.ts';
import { requestHandler } from '../../region/http.ts';
import { fast } from '../../region/pace.ts';
import type { FunctionSpec } from '../../region/ports.ts';
import { createInProcessSandboxes, type Handler } from '../../region/sandbox-in-process.ts';
import { readTemplate } from '../../region/template.ts';
import { createWorld, type World } from '../../region/world.ts';
import { fleet, operator } from './templates.ts';

let world: World;
let applications: Applications;
let events: unknown[];
let environment: Record<string, string>;
let client: {
  endpoint: string;
  region: string;
  requestHandler: ReturnType<typeof requestHandler>;
  credentials: { accessKeyId: string; secretAccessKey: string };
};
let handler: Handler;

beforeEach(() => {
  events = [];
  handler = (event) => void events.push(event);
  const inProcess = createInProcessSandboxes(machineClock, {
    'shoal-work': (event, context) => handler(event, context),
  });
  const sandboxes = {
    start(spec: FunctionSpec, log: (line: string) => void) {
      environment = spec.environment;
      return inProcess.start(spec, log);
    },
  };
  const hosts = createSimulatedHosts(machineClock);
  world = createWorld({
    clock: machineClock,
    pace: fast,
    hosts,
    balancer: { route: async () => {} },
    sandboxes,
  });
  applications = addApplications(world, {
    endpoint: 'http://region',
    unpack: (zipName, functionName) => ({
      directory: `/code/${functionName}/${zipName}`,
      size: 7,
      sha256: 'hash',
    }),
  });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  client = {
    endpoint: 'http://region',
    region: 'ap-northeast-1',
    requestHandler: requestHandler(world.wire),
    credentials,
  };
});
afterEach(async () => {
  await applications.close();
  await world.close();
});

const caller = { identity: 'x', accessKeyId: 'x', requestId: 'x' };
const deploy = (name: string, text: string, parameters = {}) =>
  applications.stacks.deploy(name, readTemplate(text), parameters);

describe('a deployed operator', () => {
  beforeEach(() => void deploy('shoal', operator, { Seconds: '1' }));

  test('is invoked by the events that its rules match', async () => {
    world.parameters.put({ Name: '/shoal/demo/port', Type: 'String', Value: '3128' });
    world.parameters.put({ Name: '/shoal-state/demo/status', Type: 'String', Value: '{}' });
    await vi.waitFor(() => expect(events).toHaveLength(1));
    expect(events[0]).toMatchObject({
      source: 'aws.ssm',
      detail: { name: '/shoal/demo/port', operation: 'Create' },
    });
  });

  test('leaves what it fails on in its queue', async () => {
    handler = () => Promise.reject(new Error('no'));
    world.parameters.put({ Name: '/shoal/demo/port', Type: 'String', Value: '3128' });
    const messages = () => applications.queues.messages('arn:aws:sqs:ap-northeast-1:000000000000:dead');
    await vi.waitFor(() => expect(messages()).toHaveLength(1));
    expect(JSON.parse(messages()[0]!.body).responsePayload.errorMessage).toBe('no');
  });

  test('has credentials of its own and the region in its environment', async () => {
    await new LambdaClient(client).send(new InvokeCommand({ FunctionName: 'shoal-work' }));
    expect(environment).toMatchObject({
      SECONDS: '1',
      AWS_REGION: 'ap-northeast-1',
      AWS_ENDPOINT_URL: 'http://region',
      AWS_SECRET_ACCESS_KEY: expect.any(String),
      AWS_SESSION_TOKEN: expect.any(String),
    });
    const credentials = { accessKeyId: environment.AWS_ACCESS_KEY_ID!, secretAccessKey: 'x' };
    const own = new STSClient({ ...client, credentials });
    expect((await own.send(new GetCallerIdentityCommand())).Arn).toBe(
      'arn:aws:sts::000000000000:assumed-role/shoal-work-ap-northeast-1/shoal-work',
    );
  });

  test('answers an invocation over the wire', async () => {
    handler = (event) => ({ got: event });
    const command = new InvokeCommand({ FunctionName: 'shoal-work', Payload: '{"a":1}', LogType: 'Tail' });
    const output = await new LambdaClient(client).send(command);
    expect(JSON.parse(output.Payload!.transformToString())).toEqual({ got: { a: 1 } });
    expect(Buffer.from(output.LogResult!, 'base64').toString()).toMatch(/^START RequestId/);
    const unknown = new LambdaClient(client).send(new InvokeCommand({ FunctionName: 'nobody' }));
    await expect(unknown).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('is listed with its settings', async () => {
    const { Functions } = await new LambdaClient(client).send(new ListFunctionsCommand());
    expect(Functions).toMatchObject([
      {
        FunctionName: 'shoal-work',
        Timeout: 30,
        MemorySize: 256,
        CodeSha256: 'hash',
        Architectures: ['arm64'],
      },
    ]);
  });

  test('may do what its role allows, and nothing else', () => {
    const identity = 'arn:aws:sts::000000000000:assumed-role/shoal-work-ap-northeast-1/shoal-work';
    const stream = (group: string) =>
      `arn:aws:logs:ap-northeast-1:000000000000:log-group:/aws/lambda/${group}:log-stream:1`;
    const denial = (group: string) =>
      world.access.denial(identity, { action: 'logs:PutLogEvents', resource: stream(group) });
    expect(denial('shoal-work')).toBe(undefined);
    expect(denial('other')).toContain('no identity-based policy allows the logs:PutLogEvents action');
  });
});

describe('a deployed fleet', () => {
  beforeEach(() => {
    deploy('shoal', operator);
    deploy('demo', fleet, { Subnets: 'subnet-1,subnet-2' });
  });

  test('launches its instances into its hook, one a zone', async () => {
    const members = () => world.autoscaling.group('shoal-demo')!.members;
    await vi.waitFor(() =>
      expect(members().map(({ state }) => state)).toEqual(['Pending:Wait', 'Pending:Wait']),
    );
    expect(
      members()
        .map(({ zone }) => zone)
        .sort(),
    ).toEqual(['ap-northeast-1a', 'ap-northeast-1c']);
  });

  test('is described with its outputs', async () => {
    const cloudformation = new CloudFormationClient(client);
    const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName: 'demo' }));
    expect(Stacks).toMatchObject([
      {
        StackName: 'demo',
        StackStatus: 'CREATE_COMPLETE',
        CreationTime: expect.any(Date),
        Parameters: [
          { ParameterKey: 'Subnets', ParameterValue: 'subnet-1,subnet-2' },
          { ParameterKey: 'Image' },
        ],
        Outputs: [
          { OutputKey: 'Proxy', OutputValue: expect.stringMatching(/^http:\/\/demo-.*amazonaws\.com:3128$/) },
          { OutputKey: 'Operator', OutputValue: 'shoal-work' },
        ],
      },
    ]);
    expect((await cloudformation.send(new DescribeStacksCommand())).Stacks).toHaveLength(2);
    await expect(cloudformation.send(new DescribeStacksCommand({ StackName: 'no' }))).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Stack with id no does not exist',
    });
  });
});

describe('a stack that is deleted', () => {
  let cloudformation: CloudFormationClient;
  const remove = (StackName: string) => cloudformation.send(new DeleteStackCommand({ StackName }));
  const described = async (StackName: string) =>
    (await cloudformation.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0];
  beforeEach(() => {
    cloudformation = new CloudFormationClient(client);
    deploy('shoal', operator);
  });

  test('takes with it what nothing refers to first, and what all else needs at last', async () => {
    const { resources, id } = applications.stacks.stack('shoal')!;
    const all = [...resources.keys()];
    const steps: string[][] = [];
    await remove('shoal');
    await vi.waitFor(async () => {
      const gone = all.filter((name) => !resources.has(name) && !steps.flat().includes(name));
      if (gone.length > 0) steps.push(gone.sort());
      expect((await described(id))?.StackStatus).toBe('DELETE_COMPLETE');
    });
    expect(steps).toEqual([
      ['Config', 'Document', 'Permission'],
      ['Rule'],
      ['WorkLambdaFunction'],
      ['Bucket', 'Role'],
      ['Queue', 'WorkLogGroup'],
    ]);
    await expect(described('shoal')).rejects.toMatchObject({ message: 'Stack with id shoal does not exist' });
    await remove('shoal'); // As on AWS, no error.
    expect(() => applications.queues.messages('arn:aws:sqs:ap-northeast-1:000000000000:dead')).toThrow();
    expect(() => deploy('shoal', operator)).toThrow('You must wait 60 seconds after deleting a queue');
  });

  test('waits for its group to be empty, and is not updated meanwhile', async () => {
    deploy('demo', fleet, { Subnets: 'subnet-1,subnet-2' });
    const waiting = () => world.autoscaling.group('shoal-demo')?.members.map(({ state }) => state);
    await vi.waitFor(() => expect(waiting()).toEqual(['Pending:Wait', 'Pending:Wait']));
    await remove('demo');
    expect(await described('demo')).toMatchObject({ StackStatus: 'DELETE_IN_PROGRESS' });
    expect(() => applications.stacks.update('demo', {})).toThrow('is in DELETE_IN_PROGRESS state');
    await vi.waitFor(() => expect(applications.stacks.stack('demo')).toBeUndefined(), { timeout: 5_000 });
    expect(world.autoscaling.group('shoal-demo')).toBeUndefined();
    expect(world.targets.service.operations.DescribeLoadBalancers?.({}, caller)).toMatchObject({
      LoadBalancers: [],
    });
  });

  test('keeps what its template says, and says what could not be removed', async () => {
    const kept = '{ Type: AWS::SQS::Queue, DeletionPolicy: Retain, Properties: { QueueName: kept } }';
    deploy('keeps', `Resources:\n  Kept: ${kept}`);
    const queue = applications.stacks.stack('keeps')!.resources.get('Kept')!.id;
    await remove('keeps');
    await vi.waitFor(() => expect(applications.stacks.stack('keeps')).toBeUndefined());
    deploy('again', `Resources:\n  Gone: ${kept.replace(/DeletionPolicy: Retain, |kept/g, '')}`);
    expect(applications.queues.messages('arn:aws:sqs:ap-northeast-1:000000000000:kept')).toEqual([]);
    applications.queues.remove(queue);
    applications.queues.remove(applications.stacks.stack('again')!.resources.get('Gone')!.id);
    await remove('again');
    expect(await described('again')).toMatchObject({
      StackStatus: 'DELETE_FAILED',
      StackStatusReason: expect.stringContaining('resource Gone (AWS::SQS::Queue): The specified queue'),
    });
  });
});

test.each([
  [
    'Type: AWS::DynamoDB::Table',
    'stack bad, resource It (AWS::DynamoDB::Table): this resource type is not known',
  ],
  ['Type: AWS::SQS::Queue, Properties: { FifoQueue: true }', 'property FifoQueue is not known'],
  [
    'Type: AWS::SQS::Queue, Properties: { QueueName: !Ref Nobody }',
    'resource It (AWS::SQS::Queue): Ref Nobody is unresolved',
  ],
  [
    'Type: AWS::SQS::Queue, Properties: { QueueName: !GetAtt Other.Nothing }',
    'Fn::GetAtt Other.Nothing is unresolved',
  ],
  [
    'Type: AWS::Events::Rule, Properties: { ScheduleExpression: rate(1 minute), Targets: [{ Id: t, Arn: "arn:aws:lambda:x", Input: "{}" }] }',
    'target t: Input is not known',
  ],
  [
    'Type: AWS::Events::Rule, Properties: { ScheduleExpression: rate(1 minute), Targets: [{ Id: t, Arn: "arn:aws:sqs:x" }] }',
    'target t is neither a Lambda function nor a topic',
  ],
  ['Type: AWS::Lambda::Function, Properties: { Code: { ZipFile: "x" } }', 'takes code from a package alone'],
  [
    'Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: { Type: application }',
    'only network load balancers',
  ],
  [
    'Type: AWS::AutoScaling::AutoScalingGroup, Properties: { TargetGroupARNs: [x] }',
    'property TargetGroupARNs is not known',
  ],
])('{ %s } is refused with the resource’s name', (resource, reason) => {
  expect(() => deploy('bad', `Resources: { Other: { Type: AWS::S3::Bucket }, It: { ${resource} } }`)).toThrow(
    reason,
  );
});
