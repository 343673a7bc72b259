import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host, HostCommand } from '../../region/ports.ts';
import { type Region, startRegion } from '../../region/region.ts';
import type { World } from '../../region/world.ts';
import { call, isSettled } from './admission.ts';
import { type Figure, median, spread, timed, until } from './figure.ts';
import { scenario } from './scenario.ts';

const root = join(import.meta.dirname, '../..');
const rounds = 5;
/** Of pace `fast`. */
const debounceMs = 1_000;
/** What is live when the region is up stands second. */
const networks = ['172.31.0.0/24,172.31.9.0/24', '172.31.0.0/24'] as const;

/** An edit in force on many real Squids, against the same script by hand on all of them at once. */
export async function rollout(): Promise<Figure[]> {
  return [...(await onReal(20)), ...(await onReal(50))];
}

async function onReal(capacity: number): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  const options = { port: 4614, pace: 'fast', packageDirectory: root, stateDirectory: directory } as const;
  const region = await startRegion(options);
  try {
    return await measure(region, capacity);
  } finally {
    await region.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure({ world }: Region, capacity: number): Promise<Figure[]> {
  await until('the first two', () => isSettled(world, 2));
  const group = world.autoscaling.group('shoal-demo');
  if (group) group.maxSize = capacity;
  call(world, 'autoscaling', 'SetDesiredCapacity', {
    AutoScalingGroupName: 'shoal-demo',
    DesiredCapacity: capacity,
  });
  await until(`${capacity} in service`, () => isSettled(world, capacity), 200, 600_000);
  const { applied, running } = watch(world);
  const times = { atOnce: [] as number[], byWaves: [] as number[], byHand: [] as number[] };
  const waits: number[] = [];
  const atOnce = async (networks: string) => {
    put(world, 'rollout', 'canary=0,wave=100%');
    times.atOnce.push((await edit(world, networks, running)).ms);
  };
  const byWaves = async (networks: string) => {
    put(world, 'rollout', 'canary=1,wave=25%');
    const { ms, waitMs } = await edit(world, networks, running);
    times.byWaves.push(ms - waitMs);
    waits.push(waitMs);
  };
  for (let round = 0; round < rounds; round++) {
    const [first, second] = round % 2 === 0 ? [atOnce, byWaves] : [byWaves, atOnce];
    await first(networks[0]);
    const before = new Map(applied);
    await second(networks[1]);
    // The hosts run the second file now: to the first one and back, so that nothing has drifted afterwards.
    const after = new Map(applied);
    await withoutSweeps(world, running, async () => {
      for (const commands of [before, after]) times.byHand.push(await timed(() => byHand(commands)));
    });
    const last = Object.entries(times).map(([name, all]) => `${name} ${Math.round(all.at(-1) ?? 0)} ms`);
    const waited = `waits for health ${Math.round(waits.at(-1) ?? 0)} ms`;
    process.stderr.write(
      `${capacity} hosts, round ${round + 1} of ${rounds}: ${last.join(', ')}, ${waited}\n`,
    );
  }
  const hand = median(times.byHand);
  const figure = (what: string, target: number, all: number[]): Figure => ({
    what: `${what} on ${capacity} hosts, by the host script by hand on all of them`,
    unit: '×',
    target,
    measured: median(all) / hand,
    how: `${rounds} rounds in turn: ${spread(all)}, by hand ${spread(times.byHand)}; from the edit's debounce to live`,
  });
  return [
    figure('an edit with canary=0,wave=100%', 1.5, times.atOnce),
    figure(`an edit with canary=1,wave=25%, less ${spread(waits)} of waits for health,`, 2, times.byWaves),
  ];
}

/** Each host's last apply, as its agent was given it, and how many commands of any kind are under way. */
function watch(world: World): { applied: Map<Host, HostCommand>; running: () => number } {
  let count = 0;
  const applied = new Map<Host, HostCommand>();
  for (const { host } of world.instances.all()) {
    if (!host) continue;
    const run = host.run.bind(host);
    host.run = (command) => {
      if (command.parameters.mode === 'apply') applied.set(host, command);
      count++;
      return run(command).finally(() => count--);
    };
  }
  return { applied, running: () => count };
}

/** They would ask the hosts what they run, and put back what is applied by hand. */
async function withoutSweeps(world: World, running: () => number, work: () => Promise<void>): Promise<void> {
  call(world, 'events', 'DisableRule', { Name: 'shoal-sweep' });
  // The last one may just have begun.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await until('the last command has ended', () => running() === 0);
  await work();
  call(world, 'events', 'EnableRule', { Name: 'shoal-sweep' });
}

/** The same script, without the question whether something newer has been decided. */
async function byHand(applied: Map<Host, HostCommand>): Promise<void> {
  const runs = [...applied].map(([host, command]) =>
    host.run({
      ...command,
      parameters: { mode: 'by hand' },
      script: command.script.replace(/^ {2}accept_intent$/m, ''),
    }),
  );
  for (const { stdout } of await Promise.all(runs))
    if (!stdout.includes('"outcome":"proven"')) throw new Error(`by hand: ${stdout}`);
}

/**
 * From when the edit has rested to live; in milliseconds. `waitMs` of it no host had anything to do, and a target
 * wasn't healthy.
 */
async function edit(
  world: World,
  value: string,
  running: () => number,
): Promise<{ ms: number; waitMs: number }> {
  put(world, 'allowed-cidrs', value);
  const from = Date.now() + debounceMs;
  const before = statusOf(world).live?.since;
  let [waitMs, lookedAt] = [0, from];
  const isLive = () => {
    const now = Date.now();
    if (now > lookedAt && running() === 0 && areSomeUnwell(world)) waitMs += now - lookedAt;
    lookedAt = Math.max(lookedAt, now);
    return statusOf(world).live?.since !== before && !statusOf(world).rollout;
  };
  await until('the edit is live', isLive, 20, 300_000);
  return { ms: Date.now() - from, waitMs };
}

function areSomeUnwell(world: World): boolean {
  const { Parameters } = call(world, 'ssm', 'GetParameters', { Names: ['/shoal/demo/target-group-arn'] });
  const input = { TargetGroupArn: Parameters[0].Value };
  const { TargetHealthDescriptions: targets } = call(world, 'elbv2', 'DescribeTargetHealth', input);
  return targets.some(
    ({ TargetHealth }: { TargetHealth: { State: string } }) => TargetHealth.State !== 'healthy',
  );
}

function put(world: World, name: string, Value: string): void {
  const Type = name === 'allowed-cidrs' ? 'StringList' : 'String';
  const input = { Name: `/shoal/demo/${name}`, Value, Type, Overwrite: true };
  call(world, 'ssm', 'PutParameter', input);
}

function statusOf(world: World): { live?: { since: number }; rollout?: object } {
  const { Parameters } = call(world, 'ssm', 'GetParameters', { Names: ['/shoal-state/demo/status'] });
  return JSON.parse(Parameters[0]?.Value ?? '{}');
}

/** 250 and 1,000 instances, simulated, within AWS's quotas and without. */
export function rolloutScale(): Figure[] {
  const [{ small, large, free }] = scenario('test/scenarios/rollout-quotas.slow.test.ts', {
    environment: { ROLLOUT_INSTANCES: '1000' },
  });
  const how =
    `an edit with canary=1,wave=25% at AWS's own delays on virtual time: ${small.seconds} s and ${small.calls} calls for 250 ` +
    `instances, ${large.seconds} s and ${large.calls} calls for 1,000, ${large.throttled} of them throttled; ${free.seconds} s without quotas`;
  return [
    {
      what: '1,000 instances within the quotas, by without',
      unit: '×',
      target: 1.3,
      measured: large.seconds / free.seconds,
      how,
    },
    {
      what: 'time for 1,000 instances by that for 250',
      unit: '×',
      target: 5,
      measured: large.seconds / small.seconds,
      how,
    },
    {
      what: 'calls for 1,000 instances by those for 250',
      unit: '×',
      target: 5,
      measured: large.calls / small.calls,
      how,
    },
  ];
}
