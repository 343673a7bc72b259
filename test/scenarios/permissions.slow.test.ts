import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Role } from '../../region/access.ts';
import type { Run } from './gated-run.ts';
import { allActions, type FunctionName, functionNames, roleOf, takeAway, unused } from './roles.ts';
import { events, type SmallRegion, smallRegion } from './small-region.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** Each function's role, as it is packaged: all that it allows is needed, and what it lacks has a name. */

const role = ({ world }: SmallRegion | Virtual, name: FunctionName) =>
  world.access.roles.get(roleOf(name)) as Role;
/** What Lambda does for a function, with its role. */
const doneByLambda = ['logs:CreateLogStream', 'logs:PutLogEvents', 'sqs:SendMessage'];
const actions = allActions();

describe('what a function does', () => {
  let region: SmallRegion;
  let runs: Run[];
  beforeEach(async () => {
    region = await smallRegion({ inHooks: true, hosts: 0, denials: true });
    runs = [];
    // Left by a rollout that nobody remembers: it goes when the first configuration is live.
    const left = { Name: `/shoal-state/demo/config/${'0'.repeat(64)}/0`, Value: 'left', Type: 'String' };
    region.operate('ssm', 'PutParameter', left);
    await region.pass(25 * 3_600_000);
    autoscaling('PutWarmPool', { MinSize: 0, MaxGroupPreparedCapacity: 0 });
  });
  afterEach(() => region.close());

  const own = actions.filter(([, action]) => !doneByLambda.includes(action));

  test.each(own)('%s cannot do without %s, and says so', async (name, action) => {
    takeAway(role(region, name), action);
    const isSaid = () => says().includes(`not authorized to perform: ${action} `);
    for (const step of stories[name]) if (!isSaid()) await step();
    expect(says()).toContain(`not authorized to perform: ${action} `);
  });

  test.each(functionNames)('%s needs everything that its role allows it', async (name) => {
    for (const step of stories[name]) await step();
    expect(region.world.access.denials).toEqual([]);
    expect(unused(role(region, name)).filter((text) => !isLambdas(text))).toEqual([]);
  });

  const isLambdas = (text: string) => doneByLambda.includes(text) || /:log-group:|:sqs:/.test(text);
  const says = () => [...runs.map(({ error }) => String(error)), ...region.logged].join('\n');

  const stories: Record<FunctionName, (() => Promise<void>)[]> = {
    admit: [() => scale(1), () => follow('admit', 'launch')],
    drain: [
      () => scale(1),
      () => reconcile(events.sweep),
      () => scale(0),
      () => follow('drain', 'terminate'),
    ],
    reconcile: [
      () => scale(3),
      () => reconcile(spotWarning()),
      () => reconcile({ source: 'aws.events', time: '2026-11-24T09:00:00Z' }),
      () => reconcile(events.sweep),
      () => scale(2),
      () => reconcile(events.sweep),
    ],
  };

  const spotWarning = () => ({
    source: 'aws.ec2',
    'detail-type': 'EC2 Spot Instance Interruption Warning',
    time: new Date(region.world.clock.now()).toISOString(),
    detail: { 'instance-id': region.members()[0], 'instance-action': 'terminate' },
  });

  /** So long ago that the hooks of what comes or goes need heartbeats. */
  async function scale(DesiredCapacity: number) {
    autoscaling('SetDesiredCapacity', { DesiredCapacity });
    await region.pass(1_300_000);
  }

  function autoscaling(operation: string, input: object) {
    region.operate('autoscaling', operation, { AutoScalingGroupName: 'shoal-demo', ...input });
  }

  const reconcile = (event: object) => run('reconcile', event);

  const follow = (name: FunctionName, transition: 'launch' | 'terminate') =>
    run(name, {
      time: '2026-11-24T09:00:00Z',
      detail: {
        AutoScalingGroupName: 'shoal-demo',
        LifecycleHookName: `shoal-${transition}`,
        EC2InstanceId: region.members()[0],
        LifecycleTransition: '',
      },
    });

  async function run(name: FunctionName, event: object) {
    const one = region.start(name, event, { as: name });
    runs.push(one);
    await region.over(one);
  }
});

const KmsKeyArn = 'arn:aws:kms:ap-northeast-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const ofKey = ['kms:Decrypt', 'kms:GenerateDataKey'];

describe.each([
  ['', {}, doneByLambda],
  [', with a key', { KmsKeyArn }, [...doneByLambda, ...ofKey]],
])('what Lambda does for a function%s', (_, parameters, byLambda) => {
  let region: Virtual;
  beforeEach(async () => {
    region = await virtualRegion({ capacity: 0, denials: true, parameters });
    // Every invocation fails, and so becomes a dead letter.
    region.world.wire.fault = ({ operation }) =>
      operation === 'DescribeAutoScalingGroups' ? region.denied : undefined;
  });
  afterEach(() => region.close());

  test('is all that its role allows for it, and nothing of it is done without', async () => {
    const { world, applications } = region;
    const deadLetters = 'arn:aws:sqs:ap-northeast-1:000000000000:shoal-dead-letters';
    const done = (name: FunctionName) => ({
      letters: applications.queues.messages(deadLetters).length,
      lines: applications.functions.log(`shoal-${name}`).lines.length,
    });
    for (const name of functionNames) {
      const before = done(name);
      invoke(name);
      await region.until('it is a dead letter', () => done(name).letters > before.letters);
      expect(done(name).lines).toBeGreaterThan(before.lines);
      const left = unused(role(region, name));
      expect([...byLambda, KmsKeyArn].filter((text) => left.includes(text))).toEqual([]);
    }
    expect(world.access.denials).toEqual([]);
  });

  // All else that a key doesn't change was taken away without one.
  const ofThis = byLambda.filter((action) => !('KmsKeyArn' in parameters) || ofKey.includes(action));

  test.each(functionNames.flatMap((name) => ofThis.map((action): [FunctionName, string] => [name, action])))(
    'of %s is denied without %s',
    async (name, action) => {
      takeAway(role(region, name), action);
      invoke(name);
      const said = () => region.world.access.denials.map(({ message }) => message).join('\n');
      await region.until('it is denied', () => said() !== '');
      expect(said()).toContain(`not authorized to perform: ${action} on resource: arn:aws:`);
    },
  );

  function invoke(name: FunctionName) {
    const events = {
      admit: lifecycle('launch'),
      drain: lifecycle('terminate'),
      reconcile: { fleet: 'demo', mode: 'status' },
    };
    region.applications.functions.invokeAsync(
      `arn:aws:lambda:ap-northeast-1:000000000000:function:shoal-${name}`,
      events[name],
    );
  }

  const lifecycle = (transition: string) => ({
    time: '2026-11-24T09:00:00Z',
    detail: {
      AutoScalingGroupName: 'shoal-demo',
      LifecycleHookName: `shoal-${transition}`,
      EC2InstanceId: 'i-0',
      LifecycleTransition: '',
    },
  });
});
