import { createEngine, type Engine } from '../shared/control/engine.ts';
import { follow } from '../shared/control/lifecycle.ts';
import { pipeline } from '../shared/runtime/pipeline.ts';

/** An instance is leaving: deregistered, then kept serving until its last client is gone. */
export const drain = (engine: Engine) =>
  pipeline((event: unknown, until) => follow(engine, 'terminate', event, until));

export const handler = drain(createEngine(process.env));
