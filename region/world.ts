import { Access } from './access.ts';
import type { BusEvent, Context, Ids } from './context.ts';
import { Faults } from './faults.ts';
import { createInstances } from './instances.ts';
import type { Pace } from './pace.ts';
import { needsOf, type Tagged } from './permissions.ts';
import type { Balancer, Clock, Hosts, Sandboxes } from './ports.ts';
import { account, type Publish, region, type Service } from './service.ts';
import { type AutoScaling, createAutoScaling } from './services/autoscaling.ts';
import { type Commands, createCommands } from './services/commands.ts';
import { callerIdentity } from './services/identity.ts';
import { createParameters, type Parameters } from './services/parameters.ts';
import { createTargets, type Targets } from './services/targets.ts';
import { createTimers } from './timers.ts';
import { createWire, type Wire, type WireOptions } from './wire.ts';

export interface World extends Context {
  sandboxes: Sandboxes | undefined;
  wire: Wire;
  autoscaling: AutoScaling;
  parameters: Parameters;
  commands: Commands;
  targets: Targets;
  add(service: Service): void;
  /** Runs for each event of the default bus, in the order they were published. */
  onEvent(listener: (event: BusEvent) => void): void;
  /** Stops the region's time, then ends every instance. */
  close(): Promise<void>;
}

export interface WorldOptions {
  clock: Clock;
  pace: Pace;
  hosts: Hosts;
  balancer: Balancer;
  sandboxes?: Sandboxes;
  /** From 0 (inclusive) to 1; given by simulations that must repeat themselves. */
  random?: () => number;
}

/** A region with all its services and nothing in it. */
export function createWorld(options: WorldOptions): World {
  const { balancer } = options;
  // A copy, since the pace of a running region can be changed.
  const pace = { ...options.pace };
  const timers = createTimers(options.clock);
  const clock: Clock = { now: () => options.clock.now(), after: timers.after };
  const random = options.random ?? Math.random;
  const ids = createIds(random);
  const faults = new Faults(clock, random);
  const listeners: ((event: BusEvent) => void)[] = [];
  const publish: Publish = (event) => {
    const complete: BusEvent = {
      version: '0',
      id: ids.uuid(),
      account,
      region,
      time: `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
      resources: [],
      ...event,
    };
    for (const listener of listeners) listener(complete);
  };
  const access = new Access();
  const instances = createInstances({ clock, pace, hosts: options.hosts, access, faults });
  const context: Context = { clock, pace, instances, balancer, publish, ids, faults, access };
  const parameters = createParameters(context);
  const commands = createCommands(context);
  const autoscaling = createAutoScaling(context);
  const targets = createTargets(context);
  const tagged: Tagged = {
    instanceTags: (instanceId) => instances.get(instanceId)?.tags,
    targetGroupTags: targets.targetGroupTags,
    group(name) {
      const group = autoscaling.group(name);
      return (
        group && {
          arn: group.arn,
          tags: Object.fromEntries(group.tags.map(({ key, value }) => [key, value])),
        }
      );
    },
  };
  const denial: WireOptions['denial'] = (identity, service, operation, input) =>
    access.denialOf(identity, `${service}:${operation}`, needsOf(service, operation, input, tagged));
  const wire = createWire({ clock, newId: ids.uuid, faults, denial });
  wire.add(autoscaling.service);
  // Parameter Store and Run Command are one service on the wire.
  wire.add({
    ...parameters.service,
    operations: { ...parameters.service.operations, ...commands.service.operations },
    limits: { ...parameters.service.limits, ...commands.service.limits },
  });
  wire.add(targets.service);
  wire.add(callerIdentity);
  return {
    ...context,
    sandboxes: options.sandboxes,
    wire,
    autoscaling,
    parameters,
    commands,
    targets,
    add: wire.add,
    onEvent: (listener) => void listeners.push(listener),
    async close() {
      timers.close();
      await Promise.all(instances.all().map(({ instanceId }) => instances.terminate(instanceId)));
    },
  };
}

// Every call has an id, and a number is slowly made to text.
const bytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function createIds(random: () => number): Ids {
  const hex = (digits: number) => {
    let text = '';
    while (text.length < digits) text += bytes[Math.floor(random() * 256)];
    return text.slice(0, digits);
  };
  return { hex, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}` };
}
