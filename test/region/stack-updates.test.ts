import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Applications, addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import { createSimulatedHosts } from '../../region/hosts/simulated.ts';
import { fast } from '../../region/pace.ts';
import type { FunctionSpec } from '../../region/ports.ts';
import { createInProcessSandboxes, type Handler } from '../../region/sandbox-in-process.ts';
import { readTemplate } from '../../region/template.ts';
import { createWorld, type World } from '../../region/world.ts';
import { commandDocument } from './bed.ts';
import { call, json } from './functions-bed.ts';
import { fleet, operator } from './templates.ts';

let world: World;
let applications: Applications;
let handler: Handler;
/** What the function's environments were started from, in turn. */
let started: FunctionSpec[];
let code: string;

beforeEach(() => {
  started = [];
  code = 'old';
  const inProcess = createInProcessSandboxes(machineClock, {
    'shoal-work': (event, context) => handler(event, context),
  });
  world = createWorld({
    clock: machineClock,
    pace: fast,
    hosts: createSimulatedHosts(machineClock),
    balancer: { route: async () => {} },
    sandboxes: {
      start(spec, log) {
        started.push(spec);
        return inProcess.start(spec, log);
      },
    },
  });
  applications = addApplications(world, {
    endpoint: 'http://region',
    unpack: () => ({ directory: `/code/${code}`, size: 7, sha256: code }),
  });
  applications.stacks.deploy('shoal', readTemplate(operator), {});
});
afterEach(async () => {
  await applications.close();
  await world.close();
});

const update = (text: string) => applications.stacks.update('shoal', {}, readTemplate(text));
const queueArn = (name: string) => `arn:aws:sqs:ap-northeast-1:000000000000:${name}`;
const put = (name: string) => world.parameters.put({ Name: name, Type: 'String', Value: 'x' });
const invoke = async () => {
  const input = { FunctionName: 'shoal-work', Payload: json({}) };
  const answer = await applications.functions.service.operations.Invoke?.(input, call);
  return JSON.parse(Buffer.from((answer as { Payload: Uint8Array }).Payload).toString());
};

test('a function runs its new code from the next invocation on, and not before', async () => {
  const release = Promise.withResolvers<string>();
  handler = () => release.promise;
  const running = invoke();
  await vi.waitFor(() => expect(started).toHaveLength(1));
  code = 'new';
  update(operator.replace('prod/17/work.zip', 'prod/18/work.zip'));
  release.resolve('done');
  expect(await running).toBe('done');
  handler = () => 'again';
  expect(await invoke()).toBe('again');
  expect(started.map(({ directory }) => directory)).toEqual(['/code/old', '/code/new']);
  // As on AWS, the same role's credentials are other ones for other code.
  const keys = started.map(({ environment }) => environment.AWS_ACCESS_KEY_ID);
  expect(new Set(keys.map((key) => world.wire.identities.get(key ?? ''))).size).toBe(1);
});

test('rules, permissions and documents are as the new template says', async () => {
  const names: string[] = [];
  handler = (event) => void names.push((event as { detail: { name: string } }).detail.name);
  const work = 'arn:aws:lambda:ap-northeast-1:000000000000:function:shoal-work';
  const rule = 'arn:aws:events:ap-northeast-1:000000000000:rule/parameters';
  update(operator.replace('prefix: /shoal/', 'prefix: /other/').replace("['true']", "['false']"));
  put('/shoal/demo/port');
  put('/other/demo/port');
  await vi.waitFor(() => expect(names).toEqual(['/other/demo/port']));
  expect(world.commands.putDocument('shoal-apply', commandDocument).version).toBe(3);
  expect(applications.functions.permits(work, 'events.amazonaws.com', rule)).toBe(true);
  update(operator.replace('Principal: events', 'Principal: other'));
  expect(applications.functions.permits(work, 'events.amazonaws.com', rule)).toBe(false);
  expect(applications.functions.permits(work, 'other.amazonaws.com', rule)).toBe(true);
});

test('what is new is created, what stays is kept, what has gone is removed', () => {
  applications.queues.send(queueArn('dead'), 'kept');
  const functionBefore = applications.stacks.stack('shoal')?.resources.get('WorkLambdaFunction');
  const added = 'New: { Type: AWS::SQS::Queue, Properties: { QueueName: new } }';
  update(operator.replace('Resources:', `Resources:\n  ${added}`));
  expect(applications.queues.messages(queueArn('new'))).toEqual([]);
  expect(applications.queues.messages(queueArn('dead'))).toHaveLength(1);
  expect(applications.stacks.stack('shoal')?.resources.get('WorkLambdaFunction')).toEqual(functionBefore);
  update(operator);
  expect(() => applications.queues.messages(queueArn('new'))).toThrow('does not exist');
  expect(applications.stacks.stack('shoal')?.resources.has('New')).toBe(false);
});

test('a name is free again only when the update is over, as on AWS', () => {
  const taken = operator.replace('QueueName: dead', 'QueueName: other');
  const second = (name: string) => `Other: { Type: AWS::SQS::Queue, Properties: { QueueName: ${name} } }`;
  expect(() => update(taken.replace('Outputs:', `  ${second('dead')}\nOutputs:`))).toThrow(
    'resource Other (AWS::SQS::Queue): A queue named dead already exists',
  );
});

test('what the region cannot change is left as it is, and named', () => {
  const given = { Subnets: 'subnet-1' };
  applications.stacks.deploy('demo', readTemplate(fleet), given);
  const changed = readTemplate(fleet.replace("MaxSize: '4'", "MaxSize: '5'"));
  expect(() => applications.stacks.update('demo', given, changed)).toThrow(
    "stack demo, resource Group (AWS::AutoScaling::AutoScalingGroup): the region can't change it",
  );
  expect(world.autoscaling.group('shoal-demo')?.maxSize).toBe(4);
});
