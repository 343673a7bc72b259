import { notifier } from '../shared/aws/events.ts';
import { createEngine, type Engine } from '../shared/control/engine.ts';
import { follow } from '../shared/control/lifecycle.ts';
import { pipeline } from '../shared/runtime/pipeline.ts';

/** An instance is coming in: applied, proven, registered and healthy before it enters service. */
export const admit = (engine: Engine) =>
  pipeline((event: unknown, until) => follow(engine, 'launch', event, until));

export const handler = admit(createEngine(process.env, { notifier }));
