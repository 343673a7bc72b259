import type { World } from '../world.ts';
import type { Events } from './events.ts';
import type { Functions } from './functions.ts';
import type { Queues } from './queues.ts';
import type { ResourceKind, ResourceRequest } from './stacks.ts';
import type { Topics } from './topics.ts';

export interface KindsOptions {
  world: World;
  functions: Functions;
  events: Events;
  queues: Queues;
  topics: Topics;
  /** What a function's AWS_ENDPOINT_URL says. */
  endpoint: string;
  /** Unpacks a function's code, by the file name of its zip, and answers where it is now. */
  unpack(zipName: string, functionName: string): { directory: string; size: number; sha256: string };
}

// biome-ignore lint/suspicious/noExplicitAny: properties are as the template has them; what matters is checked.
export type Properties = Record<string, any>;

/**
 * A resource type that takes these properties (their names, with spaces between) and no others, or any if
 * none are named, since they are only recorded. `create` answers the physical id, and beside it what Fn::GetAtt can
 * ask for; `later` says what becomes of it in an update of its stack and at its end.
 */
export function kind(
  properties: string | undefined,
  create: (properties: Properties, request: ResourceRequest) => { id: string; [attribute: string]: unknown },
  later: Pick<ResourceKind, 'fixed' | 'isGone'> & {
    update?(id: string, properties: Properties): void;
    remove?(id: string, properties: Properties): void;
  } = {},
): ResourceKind {
  return {
    ...later,
    ...(properties !== undefined && { properties: properties.split(' ') }),
    create(request) {
      const { id, ...attributes } = create(request.properties, request);
      return { id, attributes };
    },
  };
}
