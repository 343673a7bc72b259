import * as v from 'valibot';
import type { Scope } from '../decisions/model.ts';
import { limits } from '../runtime/limits.ts';
import { type Engine, fleetTag, isFleetName } from './engine.ts';
import { type Ignored, ignored } from './lifecycle.ts';
import { type Ended, run } from './run.ts';

const warning = 'EC2 Spot Instance Interruption Warning';
const recommendation = 'EC2 Instance Rebalance Recommendation';

/** Both as EventBridge sends them (EC2 user guide, "Spot Instance interruptions"). They come for any instance. */
export const SpotEvent = v.object({
  source: v.literal('aws.ec2'),
  'detail-type': v.picklist([warning, recommendation]),
  time: v.string(),
  detail: v.object({ 'instance-id': v.string() }),
});

/**
 * What EC2 takes back leaves the balancer at once. A recommendation asks for nothing: with capacity rebalancing
 * Auto Scaling itself starts another machine first, and takes this one through the hooks; else it stays.
 */
export async function interrupted(
  engine: Engine,
  { 'detail-type': type, time, detail }: v.InferOutput<typeof SpotEvent>,
  until: number,
): Promise<Ended | Ignored> {
  const id = detail['instance-id'];
  const isWarning = type === warning;
  if (isWarning && engine.clock.now() - Date.parse(time) > limits.spotNoticeSeconds * 1000)
    return ignored(engine, `the two minutes of ${id} are over`);
  const group = await engine.aws.groups.ofInstance(id);
  const fleet = group?.tags[fleetTag(engine.prefix)];
  if (fleet === undefined || !isFleetName(fleet)) return ignored(engine, `${id} is in no group of a fleet`);
  const reason = isWarning ? 'EC2 takes it back in two minutes' : 'EC2 may take it back soon';
  engine.log(`spot ${id}: ${reason}`, { fleet, instance: id, step: 'spot', reason });
  const scope: Scope = {
    ...{ kind: 'fleet', askAll: false, request: null, leaveYoung: true },
    ...(isWarning && { interrupted: id }),
  };
  return run(engine, { fleet, scope, group: null, startedAt: null, deletedAt: null }, until);
}
