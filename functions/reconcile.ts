import { notifier } from '../shared/aws/events.ts';
import { invoker } from '../shared/aws/functions.ts';
import { createEngine, type Engine } from '../shared/control/engine.ts';
import { reconcileEvent } from '../shared/control/reconcile.ts';
import { pipeline } from '../shared/runtime/pipeline.ts';

/** Every fleet is as its parameters say: on a parameter's change, every minute, and by hand. */
export const reconcile = (engine: Engine) =>
  pipeline((event: unknown, until) => reconcileEvent(engine, event, until));

export const handler = reconcile(createEngine(process.env, { invoker, notifier }));
