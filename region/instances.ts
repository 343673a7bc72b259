import type { Access } from './access.ts';
import type { Faults } from './faults.ts';
import type { Pace } from './pace.ts';
import type { Clock, Host, Hosts } from './ports.ts';

/** What EC2 knows of an instance. Auto Scaling launches and terminates, the others look on. */
export interface Instance {
  readonly instanceId: string;
  readonly zone: string;
  state: 'pending' | 'running' | 'stopped' | 'shutting-down' | 'terminated';
  /** There from `running` on. */
  host: Host | undefined;
  /** Milliseconds since the epoch; when its SSM agent is (or will be) online. */
  agentOnlineAt: number;
  /** The id of the launch template that its role comes from. */
  launchTemplate: string | undefined;
  /** From its group's tags that propagate at launch. */
  tags: Record<string, string>;
}

export interface Instances {
  get(instanceId: string): Instance | undefined;
  all(): Instance[];
  /** Rejects when the host can't be had, as in a zone that is down. */
  launch(
    instanceId: string,
    zone: string,
    tags: Record<string, string>,
    launchTemplate?: string,
  ): Promise<Instance>;
  /** Ends the instance at once, as EC2's TerminateInstances would; safe twice. */
  terminate(instanceId: string): Promise<void>;
  /** Ends all that runs on a running instance; its disk and address stay. */
  stop(instanceId: string): Promise<void>;
  /** Gives a running instance the disk of a new one; its agent takes as long to come as at first. */
  replaceRootVolume(instanceId: string): Promise<void>;
  /** Runs a stopped instance again, with the disk it had; its agent takes as long to come as at first. */
  start(instanceId: string): void;
  /** Runs when an instance has left `running`. */
  onGone(listener: (instance: Instance) => void): void;
}

interface InstancesOptions {
  clock: Clock;
  pace: Pace;
  hosts: Hosts;
  access: Access;
  faults: Faults;
}

export function createInstances({ clock, pace, hosts, access, faults }: InstancesOptions): Instances {
  const instances = new Map<string, Instance>();
  const listeners: ((instance: Instance) => void)[] = [];
  /** An agent whose role is refused tries again so rarely that it counts as never coming. */
  const startAgent = (instance: Instance): void => {
    const denied = access.agentDenial(instance.instanceId, instance.launchTemplate) !== undefined;
    instance.agentOnlineAt = denied ? Number.POSITIVE_INFINITY : clock.now() + pace.agentOnlineMs;
  };
  return {
    get: (instanceId) => instances.get(instanceId),
    all: () => [...instances.values()],
    onGone: (listener) => void listeners.push(listener),
    async launch(instanceId, zone, tags, launchTemplate) {
      const instance: Instance = {
        instanceId,
        zone,
        state: 'pending',
        host: undefined,
        agentOnlineAt: Number.POSITIVE_INFINITY,
        tags,
        launchTemplate,
      };
      instances.set(instanceId, instance);
      try {
        if (faults.downSince(zone) !== undefined) throw insufficientCapacity(zone);
        instance.host = await hosts.launch({ instanceId, zone });
      } catch (cause) {
        instance.state = 'terminated';
        throw cause;
      }
      // It may have been terminated while its host came up.
      if (instance.state !== 'pending') await instance.host.terminate();
      else {
        instance.state = 'running';
        startAgent(instance);
      }
      return instance;
    },
    async stop(instanceId) {
      const instance = instances.get(instanceId);
      if (instance?.state !== 'running') return;
      instance.state = 'stopped';
      for (const listener of listeners) listener(instance);
      await instance.host?.stop();
    },
    start(instanceId) {
      const instance = instances.get(instanceId);
      if (instance?.state !== 'stopped') return;
      instance.state = 'running';
      startAgent(instance);
      // As on EC2, what doesn't start is the host's own matter.
      void instance.host?.start().catch(() => {});
    },
    async replaceRootVolume(instanceId) {
      const instance = instances.get(instanceId);
      if (instance?.state !== 'running') return;
      instance.agentOnlineAt = Number.POSITIVE_INFINITY;
      await instance.host?.replaceRootVolume();
      startAgent(instance);
    },
    async terminate(instanceId) {
      const instance = instances.get(instanceId);
      if (!instance || instance.state === 'shutting-down' || instance.state === 'terminated') return;
      instance.state = 'shutting-down';
      for (const listener of listeners) listener(instance);
      await instance.host?.terminate();
      instance.state = 'terminated';
    },
  };
}

/** As EC2 says it to Auto Scaling (InsufficientInstanceCapacity). */
const insufficientCapacity = (zone: string): Error =>
  new Error(`We currently do not have sufficient capacity in the Availability Zone you requested (${zone}).`);
