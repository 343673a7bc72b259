import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { creationOrder, readTemplate } from '../../region/template.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** The operator's stack or a fleet's goes while instances wait in their hooks, at AWS's own delays. */

let region: Virtual;
afterEach(async () => region?.close());

const second = 1000;
const caller = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
const inState = (state: string) => region.instances().filter(({ lifecycle }) => lifecycle === state);
const rules = ['shoal-launch', 'shoal-terminate', 'shoal-parameters', 'shoal-sweep'];
const switchRules = (operation: 'EnableRule' | 'DisableRule') => {
  for (const Name of rules) region.applications.events.service.operations[operation]?.({ Name }, caller);
};

/** What deleting the stack comes to, in its own order: rules, then functions, then what their roles allowed. */
function removeOperator() {
  switchRules('DisableRule');
  region.world.wire.fault = ({ identity }) => (identity.includes('shoal-') ? region.denied : undefined);
}

function putOperatorBack() {
  region.world.wire.fault = undefined;
  switchRules('EnableRule');
}

function terminate(InstanceId: string, ShouldDecrementDesiredCapacity: boolean) {
  region.world.autoscaling.service.operations.TerminateInstanceInAutoScalingGroup?.(
    { InstanceId, ShouldDecrementDesiredCapacity },
    caller,
  );
}

/** Three serve, a fourth waits in its launch hook, and a fifth, with a client, in its terminate hook. */
async function withOneInEachHook() {
  region = await virtualRegion({ capacity: 4, pace: 'real' });
  await region.settled();
  const [leaver] = region.inService().map(({ id }) => id) as [string];
  const stays = region
    .inService()
    .map(({ id }) => id)
    .filter((id) => id !== leaver);
  Object.assign(region.hosts.machines.get(leaver) ?? {}, { connections: 1 });
  region.world.faults.add({ kind: 'stop-agent', subject: 'new' });
  terminate(leaver, false);
  const draining = () => region.targets().find(({ id }) => id === leaver)?.state === 'draining';
  const coming = () => inState('Pending:Wait').length === 1;
  await region.until('one in each hook', () => draining() && coming());
  return { leaver, stays, comer: inState('Pending:Wait')[0]?.id as string };
}

test('without its operator a fleet goes on serving, and each hook ends by its own default', async () => {
  const { leaver, stays, comer } = await withOneInEachHook();
  const live = region.status()?.live?.sha256;
  const removedAt = Date.now();
  removeOperator();
  const ended = new Map<string, number>();
  await region.until('both hooks have ended', () => {
    for (const id of [leaver, comer])
      if (!ended.has(id) && !region.hosts.machines.has(id)) ended.set(id, (Date.now() - removedAt) / second);
    const serving = region.targets().filter(({ state }) => state === 'healthy');
    expect(serving.map(({ id }) => id)).toEqual(expect.arrayContaining(stays));
    return ended.size === 2;
  });
  // The terminate hook's 300 s, then the launch hook's 600 s, each from its last heartbeat.
  expect(ended.get(leaver)).toBeGreaterThan(240);
  expect(ended.get(leaver)).toBeLessThanOrEqual(310);
  expect(ended.get(comer)).toBeGreaterThan(ended.get(leaver) as number);
  expect(ended.get(comer)).toBeLessThanOrEqual(910);
  const activities = region.world.autoscaling.service.operations.DescribeScalingActivities?.(
    { AutoScalingGroupName: 'shoal-demo' },
    caller,
  ) as { Activities: { Description: string; StatusCode: string }[] };
  const launch = activities.Activities.find(({ Description }) => Description.includes(comer));
  expect(launch).toBeDefined();
  // Nobody proves what comes after, so nothing enters service, and nothing of what serves is changed.
  expect(
    region
      .inService()
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...stays].sort());
  for (const id of stays)
    expect(region.hosts.machines.get(id)).toMatchObject({ running: live, serving: true });
});

test('an operator that is deployed anew goes on where the old one stopped', async () => {
  const { leaver, stays } = await withOneInEachHook();
  const before = region.status()?.live;
  removeOperator();
  await region.until('the leaver is gone', () => !region.hosts.machines.has(leaver));
  region.world.faults.clear();
  putOperatorBack();
  await region.until('four in service again', () => region.inService().length === 4);
  expect(region.inService().map(({ id }) => id)).toEqual(expect.arrayContaining(stays));
  expect(region.status()?.live).toEqual(before);
  expect(region.targets().filter(({ state }) => state === 'healthy')).toHaveLength(4);
});

test('a fleet that is removed drains every instance before its group goes', async () => {
  region = await virtualRegion({ capacity: 3, pace: 'real' });
  await region.settled();
  const ids = region.inService().map(({ id }) => id);
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  region.logs.length = 0;
  region.world.autoscaling.deleteGroup('shoal-demo');
  await region.until('all are deregistered', () =>
    region.targets().every(({ state }) => state === 'draining'),
  );
  expect([...region.hosts.machines.values()].every(({ serving }) => serving)).toBe(true);
  for (const machine of region.hosts.machines.values()) machine.connections = 0;
  await region.until('the group is gone', () => region.world.autoscaling.group('shoal-demo') === undefined);
  const completed = region.logs.filter(({ step }) => step === 'complete');
  expect(completed.map(({ instance, result }) => `${instance} ${result}`).sort()).toEqual(
    ids.map((id) => `${id} CONTINUE`).sort(),
  );
  const swept = region.logs.length;
  await region.until('a sweep finds nothing', () =>
    region.logs.slice(swept).some(({ message, fleets }) => message === 'swept' && fleets === 0),
  );
  expect(region.failures).toEqual([]);
});

test('without an operator a fleet’s group goes too, when its hooks have timed out', async () => {
  region = await virtualRegion({ capacity: 2, pace: 'real' });
  await region.settled();
  removeOperator();
  const since = Date.now();
  region.world.autoscaling.deleteGroup('shoal-demo');
  await region.until('the group is gone', () => region.world.autoscaling.group('shoal-demo') === undefined);
  expect((Date.now() - since) / second).toBeGreaterThanOrEqual(300);
  expect((Date.now() - since) / second).toBeLessThan(420);
});

test('a fleet of a removed one’s name needs the old state deleted first', async () => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  await region.settled();
  const { world, applications } = region;
  world.autoscaling.deleteGroup('shoal-demo');
  await region.until('the group is gone', () => world.autoscaling.group('shoal-demo') === undefined);
  const removed = [...(applications.stacks.stack('demo')?.resources.values() ?? [])].reverse();
  for (const { type, id } of removed) {
    if (type.includes('ElasticLoadBalancing')) world.targets.delete(id);
    if (type === 'AWS::SSM::Parameter') world.parameters.delete(id);
  }
  applications.stacks.deploy('again', read('infra/fleet.yml'), {
    ...{ FleetName: 'demo', VpcId: 'vpc-1', SubnetIds: 'subnet-a,subnet-c', ClientCidrs: '172.31.0.0/24' },
    RouteTableIds: 'rtb-1',
    ...{ MinSize: '0', MaxSize: '3', DesiredCapacity: '1' },
  });
  await region.until('its launch is held', () =>
    region.logs.some(({ reason }) => String(reason).includes('held: the target group does not exist')),
  );
  const paths = ['status', 'run'].map((name) => `/shoal-state/demo/${name}`);
  const Path = '/shoal-state/demo/config/';
  const stored = await region.aws.parameters.below(Path);
  for (const path of [...paths, ...stored.map(({ name }) => `${Path}${name}`)]) world.parameters.delete(path);
  await region.until('it is in service', () => region.inService().length === 1);
});

const read = (file: string) => readTemplate(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));

/** CloudFormation deletes in the order of creation turned round. */
test.each([
  ['a fleet: its group before listener, target group and parameters', 'infra/fleet.yml', 'Group', 'Listener'],
  ['a fleet: its listener before the target group', 'infra/fleet.yml', 'Listener', 'TargetGroup'],
  [
    'the operator: its rules before the functions',
    '.serverless/cloudformation-template-update-stack.json',
    'Shoaladmitrule1EventBridgeRule',
    'AdmitLambdaFunction',
  ],
  [
    'the operator: its functions before their roles',
    '.serverless/cloudformation-template-update-stack.json',
    'AdmitLambdaFunction',
    'AdmitRole',
  ],
])('what goes first with %s', (_, file, first, then) => {
  const template = read(file);
  const conditions = Object.fromEntries(Object.keys(template.Conditions ?? {}).map((name) => [name, true]));
  const gone = creationOrder(template, conditions).reverse();
  expect(gone).toEqual(expect.arrayContaining([first, then]));
  expect(gone.indexOf(first)).toBeLessThan(gone.indexOf(then));
});
