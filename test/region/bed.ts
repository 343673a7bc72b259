import { machineClock } from '../../region/clock.ts';
import type { BusEvent } from '../../region/context.ts';
import { fast, type Pace } from '../../region/pace.ts';
import type { Balancer, Host, HostCommand, RunResult } from '../../region/ports.ts';
import type { GroupSpec } from '../../region/services/groups.ts';
import { createWorld } from '../../region/world.ts';

/** A pace without waits, for tests on real time. */
export const instant: Pace = {
  ...fast,
  scaleMs: 1,
  agentOnlineMs: 1,
  deliveryMs: 1,
  initialMs: 1,
  healthCheckIntervalMs: 2,
  drainingMs: 50,
  balancerLagMs: 20,
  launchBackOffMs: 5,
};

/** A simulated machine that a test can make refuse, fail or hang. */
export interface SimulatedHost extends Host {
  accepting: boolean;
  terminated: boolean;
  commands: HostCommand[];
  answer: (command: HostCommand) => RunResult | Promise<RunResult>;
}

export const passed = (stdout: string): RunResult => ({ exitCode: 0, stdout, stderr: '', timedOut: false });

/** A world of simulated hosts, with everything that happens in it written down. */
export function createBed(pace: Pace = instant) {
  const hosts = new Map<string, SimulatedHost>();
  const events: BusEvent[] = [];
  const routes: { port: number; targets: string[]; reset: string[] }[] = [];
  const bed = { launchError: undefined as Error | undefined };
  const balancer: Balancer = {
    async route(port, targets, reset = []) {
      routes.push({ port, targets: targets.map((target) => `${target.address}:${target.port}`), reset });
    },
  };
  const world = createWorld({
    clock: machineClock,
    pace,
    balancer,
    hosts: {
      async launch({ instanceId }) {
        if (bed.launchError) throw bed.launchError;
        const host: SimulatedHost = {
          instanceId,
          address: `10.0.0.${hosts.size + 1}`,
          accepting: true,
          terminated: false,
          commands: [],
          answer: ({ script }) => passed(script),
          async run(command) {
            host.commands.push(command);
            return host.answer(command);
          },
          accepts: async () => host.accepting,
          async stop() {
            host.accepting = false;
          },
          async start() {
            host.accepting = true;
          },
          async replaceRootVolume() {
            host.commands = [];
          },
          async terminate() {
            host.terminated = true;
          },
        };
        hosts.set(instanceId, host);
        return host;
      },
    },
  });
  world.onEvent((event) => void events.push(event));
  const eventsOf = (type: string) => events.filter((event) => event['detail-type'] === type);
  return { world, hosts, events, eventsOf, routes, bed };
}

export type Bed = ReturnType<typeof createBed>;

export const launchHook: GroupSpec['hooks'][number] = {
  name: 'shoal-launch',
  transition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
  heartbeatTimeoutSeconds: 300,
  defaultResult: 'ABANDON',
  notificationMetadata: 'note',
};
export const terminateHook: GroupSpec['hooks'][number] = {
  name: 'shoal-terminate',
  transition: 'autoscaling:EC2_INSTANCE_TERMINATING',
  heartbeatTimeoutSeconds: 60,
  defaultResult: 'CONTINUE',
};

export const groupSpec = (extra: Partial<GroupSpec> = {}): GroupSpec => ({
  name: 'proxies',
  minSize: 0,
  maxSize: 5,
  desiredCapacity: 1,
  tags: [{ key: 'shoal:fleet', value: 'tokyo', propagateAtLaunch: true }],
  hooks: [],
  ...extra,
});

export const commandDocument = JSON.stringify({
  schemaVersion: '2.2',
  parameters: {
    mode: { type: 'String', allowedPattern: '^(apply|check)$' },
    text: { type: 'String', default: 'nothing', maxChars: 10 },
  },
  mainSteps: [
    {
      action: 'aws:runShellScript',
      name: 'apply',
      inputs: { timeoutSeconds: 120, runCommand: ["mode='{{ mode }}'", "text='{{text}}'"] },
    },
  ],
});

export async function until(condition: () => unknown): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`never happened: ${condition}`);
}
