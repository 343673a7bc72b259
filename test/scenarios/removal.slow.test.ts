import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { Service } from '../../region/service.ts';
import { readTemplate } from '../../region/template.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** The operator's stack or a fleet's goes while instances wait in their hooks, at AWS's own delays. */

let region: Virtual;
afterEach(async () => region?.close());

const second = 1000;
const caller = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
const inService = () =>
  region
    .inService()
    .map(({ id }) => id)
    .sort();
const passed = (minutes: number) => {
  const end = Date.now() + minutes * 60 * second;
  return () => Date.now() >= end;
};
const inState = (state: string) => region.instances().filter(({ lifecycle }) => lifecycle === state);
const packaged = '.serverless/cloudformation-template-update-stack.json';
const read = (file: string) => readTemplate(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
const stack = (name: string) => region.applications.stacks.stack(name);
const remove = (StackName: string) =>
  region.applications.stacks.service.operations.DeleteStack?.({ StackName }, caller);

/** Every resource of a stack that is still there, by its logical id. */
const left = (name: string) => [...(stack(name)?.resources.keys() ?? [])];

function terminate(InstanceId: string, ShouldDecrementDesiredCapacity: boolean) {
  region.world.autoscaling.service.operations.TerminateInstanceInAutoScalingGroup?.(
    { InstanceId, ShouldDecrementDesiredCapacity },
    caller,
  );
}

/** Which of the operator's parts are there. */
function existing(): Record<string, boolean> {
  const { applications, world } = region;
  const listed = (service: Service, operation: string) =>
    Object.values((service.operations[operation]?.({}, caller) ?? {}) as object).some(
      (list) => Array.isArray(list) && list.length > 0,
    );
  return {
    rules: listed(applications.events.service, 'ListRules'),
    functions: listed(applications.functions.service, 'ListFunctions'),
    roles: [...world.access.roles.keys()].some((name) => /^shoal-(admit|drain|reconcile)/.test(name)),
    queue: listed(applications.queues.service, 'ListQueues'),
    document: left('shoal').includes('ApplyDocument'),
  };
}

/** Three serve, a fourth waits in its launch hook, and a fifth, with a client, in its terminate hook. */
async function withOneInEachHook() {
  region = await virtualRegion({ capacity: 4, pace: 'real', denials: true });
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
  const before = region.logs.length;
  const removedAt = Date.now();
  remove('shoal');
  const gone = new Map<string, number>();
  const ended = new Map<string, number>();
  await region.until('both hooks have ended', () => {
    for (const [logicalId, there] of Object.entries(existing()))
      if (!there && !gone.has(logicalId)) gone.set(logicalId, Date.now());
    for (const id of [leaver, comer])
      if (!ended.has(id) && !region.hosts.machines.has(id)) ended.set(id, (Date.now() - removedAt) / second);
    const serving = region.targets().filter(({ state }) => state === 'healthy');
    expect(serving.map(({ id }) => id)).toEqual(expect.arrayContaining(stays));
    return ended.size === 2;
  });
  // The order in the runbook: what starts functions, the functions, their roles, the document.
  expect(stack('shoal')).toBeUndefined();
  const order = ['rules', 'functions', 'roles', 'document'].map((what) => gone.get(what) as number);
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(new Set(order).size).toBe(order.length);
  expect((order.at(-1) as number) - removedAt).toBeLessThan(60 * second);
  // The terminate hook's 300 s, then the launch hook's 600 s, each from its last heartbeat.
  expect(ended.get(leaver)).toBeGreaterThan(240);
  expect(ended.get(leaver)).toBeLessThanOrEqual(310);
  expect(ended.get(comer)).toBeGreaterThan(ended.get(leaver) as number);
  expect(ended.get(comer)).toBeLessThanOrEqual(910);
  // Nobody proves what comes after, so nothing enters service, and nothing of what serves is changed.
  region.put('allowed-cidrs', '172.31.0.0/25');
  const attempts = () => region.world.access.denials.length + region.logs.length;
  const quiet = attempts();
  await region.until('ten minutes have passed', passed(10));
  expect(attempts()).toBe(quiet);
  expect(
    region.logs.slice(before).filter(({ step }) => step === 'deregister' || step === 'complete'),
  ).toEqual([]);
  expect(inService()).toEqual([...stays].sort());
  for (const id of stays)
    expect(region.hosts.machines.get(id)).toMatchObject({ running: live, serving: true });
});

test('an operator that is deployed anew goes on where the old one stopped', async () => {
  const { leaver, stays } = await withOneInEachHook();
  const before = region.status()?.live;
  remove('shoal');
  await region.until('the leaver is gone', () => !region.hosts.machines.has(leaver));
  region.world.faults.clear();
  const left = region.inService().length;
  region.applications.stacks.deploy('shoal', read(packaged), {});
  expect(left).toBe(3);
  await region.until('four in service again', () => region.inService().length === 4);
  expect(inService()).toEqual(expect.arrayContaining(stays));
  expect(region.status()?.live).toEqual(before);
  expect(region.targets().filter(({ state }) => state === 'healthy')).toHaveLength(4);
});

test('a fleet that is removed drains every instance before its balancer goes', async () => {
  region = await virtualRegion({ capacity: 3, pace: 'real' });
  await region.settled();
  region.put('allowed-domains', '.example.com');
  const ids = inService();
  for (const machine of region.hosts.machines.values()) machine.connections = 1;
  region.logs.length = 0;
  remove('demo');
  const needed = [
    'Group',
    'Listener',
    'LoadBalancer',
    'TargetGroup',
    'TargetGroupParameter',
    'PortParameter',
  ];
  const until = ['Ssm', 'SsmMessages', 'AllowedCidrsParameter', 'ProbeUrlParameter'];
  await region.until('all are deregistered', () =>
    region.targets().every(({ state }) => state === 'draining'),
  );
  await region.until('a minute has passed', passed(1));
  expect([...region.hosts.machines.values()].every(({ serving }) => serving)).toBe(true);
  expect(left('demo')).toEqual(expect.arrayContaining([...needed, ...until]));
  for (const machine of region.hosts.machines.values()) machine.connections = 0;
  await region.until('the group is gone', () => region.world.autoscaling.group('shoal-demo') === undefined);
  expect(left('demo')).toEqual(expect.arrayContaining(needed.filter((name) => name !== 'Group')));
  const completed = region.logs.filter(({ step }) => step === 'complete');
  expect(completed.map(({ instance, result }) => `${instance} ${result}`).sort()).toEqual(
    ids.map((id) => `${id} CONTINUE`).sort(),
  );
  await region.until('the stack is gone', () => stack('demo') === undefined, 2 * 60 * second);
  // What the runbook names: parameters that the stack didn't make, and the operator's state.
  const stored = await Promise.all(
    ['/shoal/', '/shoal-state/'].map((path) => region.aws.parameters.below(path)),
  );
  expect(stored[0]?.map(({ name }) => name)).toEqual(['demo/allowed-domains']);
  expect(stored[1]?.map(({ name }) => name.split('/')[1])).toEqual(
    expect.arrayContaining(['config', 'status']),
  );
  const swept = region.logs.length;
  await region.until('a sweep finds nothing', () =>
    region.logs.slice(swept).some(({ message, fleets }) => message === 'swept' && fleets === 0),
  );
  expect(region.failures).toEqual([]);
});

test('without an operator a fleet’s stack goes too, when its hooks have timed out', async () => {
  region = await virtualRegion({ capacity: 2, pace: 'real', denials: true });
  await region.settled();
  remove('shoal');
  await region.until('the operator is gone', () => stack('shoal') === undefined);
  const since = Date.now();
  remove('demo');
  await region.until('the stack is gone', () => stack('demo') === undefined);
  expect((Date.now() - since) / second).toBeGreaterThanOrEqual(300);
  expect((Date.now() - since) / second).toBeLessThan(420);
});

test('a fleet of a removed one’s name needs the old state deleted first', async () => {
  region = await virtualRegion({ capacity: 1, pace: 'real' });
  await region.settled();
  const { world, applications } = region;
  remove('demo');
  await region.until('the stack is gone', () => stack('demo') === undefined);
  applications.stacks.deploy('again', read('infra/fleet.yml'), {
    ...{ FleetName: 'demo', VpcId: 'vpc-1', SubnetIds: 'subnet-a,subnet-c', ClientCidrs: '172.31.0.0/24' },
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
