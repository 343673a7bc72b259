import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Region, startRegion } from '../../region/region.ts';
import type { World } from '../../region/world.ts';
import { type Figure, median, spread, until } from './figure.ts';

const root = join(import.meta.dirname, '../..');
const scaleOuts = 7;

/** When what happened to the instance that came in, milliseconds since the epoch. */
interface Times {
  event: number;
  agentOnline: number;
  scriptMs: number;
  registered: number;
  healthy: number;
  continued: number;
}

/** Scale-outs by one with real hosts: event to CONTINUE without agent, host script and health checks. */
export async function admission(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  const options = { port: 4613, pace: 'fast', packageDirectory: root, stateDirectory: directory } as const;
  const region = await startRegion(options);
  try {
    const all: number[] = [];
    const overheads: number[] = [];
    await until('the first two', () => isSettled(region.world, 2));
    for (let capacity = 3; capacity < 3 + scaleOuts; capacity++) {
      const times = await scaleOut(region, capacity);
      all.push(times.continued - times.event);
      overheads.push(overheadOf(times));
      await until('all is quiet', () => isSettled(region.world, capacity));
    }
    const how = `${scaleOuts} scale-outs by one: ${spread(overheads)}, of ${spread(all)} from event to CONTINUE`;
    const what = "an admission's own time, pace fast";
    return [{ what, unit: 'ms', target: 300, measured: median(overheads), how }];
  } finally {
    await region.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function overheadOf({ event, agentOnline, scriptMs, registered, healthy, continued }: Times): number {
  const agentMs = Math.max(0, agentOnline - event);
  return continued - event - agentMs - scriptMs - (healthy - registered);
}

async function scaleOut({ world }: Region, capacity: number): Promise<Times> {
  const known = new Set(world.instances.all().map(({ instanceId }) => instanceId));
  const times: { [name in keyof Times]?: number | undefined } = {};
  let id = '';
  let scriptStarted = 0;
  world.onEvent(({ 'detail-type': type, detail }) => {
    const { EC2InstanceId, 'instance-id': instance, status } = detail as Record<string, string>;
    if (type === 'EC2 Instance-launch Lifecycle Action' && EC2InstanceId && !known.has(EC2InstanceId)) {
      times.event ??= Date.now();
      id = EC2InstanceId;
    }
    if (times.continued !== undefined || instance !== id) return;
    if (status === 'InProgress') scriptStarted = Date.now();
    if (status === 'Success') times.scriptMs ??= Date.now() - scriptStarted;
  });
  call(world, 'autoscaling', 'SetDesiredCapacity', {
    AutoScalingGroupName: 'shoal-demo',
    DesiredCapacity: capacity,
  });
  const from = world.wire.log.length;
  await until(
    'the new instance',
    () => {
      // The region's own view, not what the operator has seen of it so far.
      if (id && targetState(world, id) === 'healthy') times.healthy ??= Date.now();
      const mine = world.wire.log.slice(from).filter(({ input }) => JSON.stringify(input ?? {}).includes(id));
      times.registered = mine.find(({ operation }) => operation === 'RegisterTargets')?.at;
      times.continued = mine.find(({ operation }) => operation === 'CompleteLifecycleAction')?.at;
      return times.continued;
    },
    2,
  );
  return { ...(times as Times), agentOnline: world.instances.get(id)?.agentOnlineAt ?? Number.NaN };
}

/** So many in service, and every one of them runs what is live. */
export function isSettled(world: World, count: number): boolean {
  const { Parameters } = call(world, 'ssm', 'GetParameters', { Names: ['/shoal-state/demo/status'] });
  const status = JSON.parse(Parameters[0]?.Value ?? '{}');
  const { AutoScalingInstances: instances } = call(world, 'autoscaling', 'DescribeAutoScalingInstances', {});
  const inService = instances.filter((it: { LifecycleState: string }) => it.LifecycleState === 'InService');
  return inService.length === count && status.live !== undefined && status.rollout === undefined;
}

function targetState(world: World, instance: string): string | undefined {
  const { TargetGroups } = call(world, 'elbv2', 'DescribeTargetGroups', {});
  const { TargetGroupArn } = TargetGroups[0];
  const { TargetHealthDescriptions: targets } = call(world, 'elbv2', 'DescribeTargetHealth', {
    TargetGroupArn,
  });
  return targets.find((it: { Target: { Id: string } }) => it.Target.Id === instance)?.TargetHealth.State;
}

/** Asks the region without the wire, so that the question is neither in its log nor in its way. */
// biome-ignore lint/suspicious/noExplicitAny: each operation answers with something else.
export function call(world: World, service: string, operation: string, input: object): any {
  const identity = { identity: 'bench', accessKeyId: 'bench', requestId: 'bench' };
  return world.wire.services.get(service)?.operations[operation]?.(input, identity);
}
