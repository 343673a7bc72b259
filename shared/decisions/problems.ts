import { drifted } from './drift.ts';
import { isUpgrading } from './fleet.ts';
import { inForce, type Observed, type Problem, type Report } from './model.ts';
import { sickness } from './sick.ts';

/**
 * What a person has to mend about the fleet as a whole, since the operator can't or mustn't: said in the log, in
 * `status` and as a metric, each time that the whole fleet is looked at.
 */
export function problemsOf(observed: Observed): Report[] {
  const { scope, targetGroup, groupProblems } = observed;
  if (scope.kind === 'instance') return [];
  const found: Problem[] = [...groupProblems];
  // Nobody remembers since when, so it is said at once, and its alarm waits for what an upgrade takes.
  if (isUpgrading(observed))
    found.push({
      thing: 'document',
      reason:
        'no command is taken, since the deployed document is not the one of this code: if that lasts for 15 minutes, deploy again',
    });
  // Without parameters nothing names a target group, and the fleet says that by itself.
  const gone = targetGroup === null && inForce(observed) !== null ? ['the target group does not exist'] : [];
  for (const reason of targetGroup?.problems ?? gone) found.push({ thing: 'target group', reason });
  if (targetGroup?.unused)
    found.push({ thing: 'listener', reason: 'no listener forwards to the target group: add one' });
  const drift = drifted(observed);
  if (drift.length > drift.atOnce)
    found.push({
      thing: 'drift',
      reason: `${drift.length} of ${drift.members} in service do not run what they should: repaired ${drift.atOnce} at a time`,
    });
  for (const [id, why] of sickness(observed)) found.push({ thing: 'sick hosts', reason: `${id}: ${why}` });
  return found.map((problem): Report => ({ step: 'report', instance: null, ...problem }));
}
