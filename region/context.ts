import type { Access } from './access.ts';
import type { Faults } from './faults.ts';
import type { Instances } from './instances.ts';
import type { Pace } from './pace.ts';
import type { Balancer, Clock } from './ports.ts';
import type { AwsEvent, Publish } from './service.ts';

/** An event as it goes over the bus and into a Lambda function. */
export interface BusEvent extends Required<AwsEvent> {
  version: '0';
  id: string;
  account: string;
  /** ISO 8601, whole seconds. */
  time: string;
  region: string;
}

/** What every service is given: time, chance and the ports; none of them does I/O of its own. */
export interface Context {
  clock: Clock;
  pace: Pace;
  instances: Instances;
  balancer: Balancer;
  publish: Publish;
  ids: Ids;
  faults: Faults;
  access: Access;
}

export interface Ids {
  uuid(): string;
  /** So many hexadecimal digits. */
  hex(digits: number): string;
}
