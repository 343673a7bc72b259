import { sessionArn } from './access.ts';
import { createEvents, type Events } from './services/events.ts';
import { createFunctions, type Functions } from './services/functions.ts';
import { createQueues, type Queues } from './services/queues.ts';
import type { KindsOptions } from './services/stack-kind.ts';
import { resourceKinds } from './services/stack-kinds.ts';
import { createStacks, type Stacks } from './services/stacks.ts';
import { createTopics, type Topics } from './services/topics.ts';
import type { World } from './world.ts';

export interface ApplicationOptions extends Pick<KindsOptions, 'endpoint' | 'unpack'> {
  /** Executions at once; a new AWS account has 10. */
  concurrency?: number;
  /** Sees each log line of each function, and each message of each topic. */
  onLog?(name: string, line: string): void;
}

/** What runs an application in a world: Lambda, EventBridge, SQS, SNS, and CloudFormation to deploy it with. */
export interface Applications {
  functions: Functions;
  events: Events;
  queues: Queues;
  topics: Topics;
  stacks: Stacks;
  close(): Promise<void>;
}

const defaultConcurrency = 10;
const retryDelaysMs = { real: [60_000, 120_000], fast: [1_000, 2_000] };

/** Adds the services to the world, which must have been made with sandboxes. */
export function addApplications(world: World, options: ApplicationOptions): Applications {
  const { clock, ids, pace, sandboxes } = world;
  if (!sandboxes) throw new Error('the world was made without sandboxes');
  const queues = createQueues({ clock, newId: ids.uuid });
  const allows = ({ role, name }: { role: string; name: string }, action: string, resource: string) =>
    world.access.denial(sessionArn(role.split('/').at(-1)!, name), { action, resource }) === undefined;
  const topics = createTopics(clock, (name, message) => options.onLog?.(name, message));
  const functions = createFunctions({
    clock,
    sandboxes,
    newId: ids.uuid,
    concurrency: options.concurrency ?? defaultConcurrency,
    // A schedule that ticks faster than its rule says is what tells a fast region from a real one.
    retryDelaysMs: () => (pace.scheduleTickMs === undefined ? retryDelaysMs.real : retryDelaysMs.fast),
    faults: world.faults,
    allows,
    // A record that the role may not send is lost, as on AWS.
    send: (queue, body, sender) => allows(sender, 'sqs:SendMessage', queue) && queues.send(queue, body),
    ...(options.onLog && { onLog: options.onLog }),
  });
  const events = createEvents({
    clock,
    newId: ids.uuid,
    pace,
    faults: world.faults,
    publish: world.publish,
    functions,
    topics,
    queues,
  });
  const stacks = createStacks({
    clock,
    ids,
    pace,
    kinds: resourceKinds({ world, functions, events, queues, topics, ...options }),
  });
  world.onEvent(events.deliver);
  for (const { service } of [functions, events, queues, stacks]) world.add(service);
  return {
    functions,
    events,
    queues,
    topics,
    stacks,
    async close() {
      events.close();
      await functions.close();
    },
  };
}
