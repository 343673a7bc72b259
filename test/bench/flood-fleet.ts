import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { balancerAddress, s3Name } from '../../region/network/addresses.ts';
import { defaultClientAddress, startClient } from '../../region/network/client.ts';
import { type Region, startRegion } from '../../region/region.ts';
import {
  type FloodClients,
  type FloodCounts,
  type FloodPlan,
  failed,
  kinds,
  type ToFlood,
} from './flood-plan.ts';
import {
  call,
  clientPorts,
  type Member,
  members,
  put,
  scaleTo,
  settled,
  status,
  targetGroup,
  targets,
} from './flood-region.ts';

export interface FloodOptions {
  port: number;
  /** Even, since each that comes with a scale-out is followed by one with a scale-in. */
  rollouts: number;
  /** Squids at the start; one more after each scale-out. */
  capacity: number;
  clients: FloodClients;
  /** Hears every few seconds how far it is. */
  progress?(done: number, seconds: number, counts: FloodCounts): void;
}

export interface FloodResult {
  counts: FloodCounts;
  rollouts: number;
  scaleOuts: number;
  scaleIns: number;
  /** Tunnels of a network that was then removed: how many there were, and how many were closed. */
  revoked: { opened: number; closed: number };
  /** How often a target turned unhealthy: whoever is connected through it is reset by the balancer then. */
  unhealthy: number;
  seconds: number;
}

/**
 * Floods a fleet of real Squids through the balancer while it is edited and scaled. Each edit is a rollout of
 * its own over all Squids: another network comes and goes, a domain, a time-out. Every odd one comes together
 * with a scale-out by one, every even one with a scale-in.
 *
 * Clients that stay are served whatever happens. What a scale-in does with the clients of the machine that
 * leaves is asserted too, and can't be that they keep their tunnels for ever: the machine that leaves is the
 * one that came last, so that the tunnels on all others live from the first rollout to the last, and its own
 * clients (asked of its kernel) go on for some seconds after it was deregistered, then end their connections
 * by themselves. The deregistration delay is far longer than that takes, so whatever ends earlier was cut off.
 */
export async function floodFleet(options: FloodOptions): Promise<FloodResult> {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-flood-'));
  const region = await startRegion({
    port: options.port,
    pace: 'fast',
    packageDirectory: join(import.meta.dirname, '../..'),
    stateDirectory: join(directory, 'state'),
  });
  try {
    return await flood(region, options);
  } finally {
    await region.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function flood(region: Region, options: FloodOptions): Promise<FloodResult> {
  const { capacity, rollouts, clients, progress } = options;
  const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: '600' }];
  call(region, 'elbv2', 'ModifyTargetGroupAttributes', { TargetGroupArn: targetGroup(region), Attributes });
  put(region, 'rollout', 'canary=1,wave=100%');
  put(region, 'allowed-cidrs', bothNetworks);
  scaleTo(region, capacity);
  await until('the fleet serves', () => settled(region, capacity));
  const flood = await startFlood(region, clients, defaultClientAddress);
  const began = Date.now();
  const seconds = () => (Date.now() - began) / 1000;
  let done = 0;
  const reporting = setInterval(() => progress?.(done, seconds(), flood.counts()), 5_000);
  const health = watchHealth(region);
  const revoked = { opened: 0, closed: 0 };
  try {
    while (done < rollouts) {
      const guests = done % (2 * edits.length) === 0 ? await startFlood(region, onlyTunnels, guest) : null;
      await roll(region, done, capacity + 1, () => scaleTo(region, capacity + 1));
      done += 1;
      flood.tell('visit');
      await guests?.stop();
      revoked.opened += guests === null ? 0 : onlyTunnels.clients.tunnel;
      revoked.closed += guests === null ? 0 : failed(guests.counts().kinds.tunnel);
      await roll(region, done, capacity, () => scaleIn(region, flood));
      done += 1;
    }
    await flood.stop();
  } finally {
    clearInterval(reporting);
    clearInterval(health.timer);
  }
  const scaled = { scaleOuts: rollouts / 2, scaleIns: rollouts / 2 };
  const seen = { revoked, unhealthy: health.unhealthy };
  return { counts: flood.counts(), rollouts, ...scaled, ...seen, seconds: seconds() };
}

const guest = '192.168.7.10';
const ownNetwork = '172.31.0.0/24';
const bothNetworks = `${ownNetwork},192.168.7.0/24`;
const onlyTunnels: FloodClients = {
  clients: { fresh: 0, connect: 0, 'keep-alive': 0, tunnel: 4 },
  visitors: 0,
  pauseMs: { fresh: 0, connect: 0, 'keep-alive': 0, tunnel: 100 },
};

/** A name, and its values in odd and even rounds; none lets go of the flood's own network. */
const edits = [
  ['allowed-cidrs', ownNetwork, bothNetworks],
  ['allowed-domains', '.amazonaws.com,.example.com', '.amazonaws.com'],
  ['extra-directives', 'connect_timeout 8 seconds', 'connect_timeout 9 seconds'],
] as const;

/** An edit and a change of the capacity at once, until both are through. */
async function roll(region: Region, round: number, capacity: number, scale: () => unknown): Promise<void> {
  const before = status(region).live.sha256;
  const [name, ...values] = edits[Math.floor(round / 2) % edits.length] as (typeof edits)[number];
  put(region, name, values[round % 2] as string);
  await scale();
  await until(`edit ${round + 1} and its scaling`, () => settled(region, capacity, before));
}

export interface Flood {
  counts(): FloodCounts;
  tell(message: ToFlood): void;
  /** Lets every client end what it does, and resolves when the last has. */
  stop(): Promise<void>;
}

/** Resolves when each kind of client has been served, through this port of the balancer. */
export async function startFlood(
  region: Region,
  clients: FloodClients,
  from: string,
  port = 3128,
): Promise<Flood> {
  const plan: FloodPlan = { proxy: { host: balancerAddress, port }, s3: s3Name, ...clients };
  const program = join(import.meta.dirname, 'flood-client.ts');
  const child = await startClient(region.network.directory, {
    from,
    command: [process.execPath, program, JSON.stringify(plan)],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // Its last message comes before the channel is closed, which may be after its end.
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  let counts: FloodCounts | undefined;
  child.on('message', (message) => {
    counts = message as FloodCounts;
  });
  const tell = (message: ToFlood) => {
    if (!child.connected) throw new Error('the flood has ended by itself');
    child.send(message, () => {});
  };
  await until('every kind is served', () => {
    if (!child.connected) throw new Error('the flood has ended by itself');
    return kinds.every((kind) => clients.clients[kind] === 0 || (counts?.kinds[kind].served ?? 0) > 0);
  });
  return {
    counts: () => counts as FloodCounts,
    tell,
    async stop() {
      // One whose tunnels were all closed has ended by itself.
      if (child.connected) child.send('stop' satisfies ToFlood, () => {});
      const [[code]] = await ended;
      if (code !== 0) throw new Error(`the flood ended with ${code}`);
    },
  };
}

/** How long the clients of a machine that leaves go on after it was deregistered. */
const lastsMs = 3_000;
/** For one processor with other work on it; nothing is measured by it. */
const untilMs = 240_000;

/** The machine that came last leaves, and its clients take their time. */
async function scaleIn(region: Region, flood: Flood): Promise<void> {
  const leaving = members(region).at(-1) as Member;
  call(region, 'autoscaling', 'TerminateInstanceInAutoScalingGroup', {
    InstanceId: leaving.InstanceId,
    ShouldDecrementDesiredCapacity: true,
  });
  const target = () => targets(region).find(({ Target: { Id } }) => Id === leaving.InstanceId);
  await until('it is deregistered', () => target()?.TargetHealth.State === 'draining');
  await sleep(lastsMs);
  const isHeld = () =>
    members(region).some((it) => it.InstanceId === leaving.InstanceId && it.LifecycleState.endsWith(':Wait'));
  const letClientsLeave = async () => {
    try {
      // Again and again, since the balancer's lag lets new ones come for a while.
      flood.tell({ leave: await clientPorts(region, leaving.InstanceId) });
    } catch (error) {
      // Let go meanwhile, it is being ended.
      if (isHeld()) throw error;
    }
    return !isHeld();
  };
  await until('its clients have left', letClientsLeave, 200);
}

function watchHealth(region: Region): { unhealthy: number; timer: NodeJS.Timeout } {
  const states = new Map<string, string>();
  const watch = { unhealthy: 0, timer: setInterval(look, 100) };
  return watch;

  function look(): void {
    for (const { Target, TargetHealth } of targets(region)) {
      const isNew = TargetHealth.State === 'unhealthy' && states.get(Target.Id) !== 'unhealthy';
      if (isNew) watch.unhealthy += 1;
      states.set(Target.Id, TargetHealth.State);
    }
  }
}

export async function until(what: string, done: () => unknown, everyMs = 100): Promise<void> {
  for (const end = Date.now() + untilMs; !(await done()); await sleep(everyMs))
    if (Date.now() > end) throw new Error(`${what}: not within ${untilMs / 1000} s`);
}
