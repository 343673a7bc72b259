import type { Group, Hook } from '../aws/groups.ts';
import type { Instance, Problem } from '../decisions/model.ts';

/** Without these of its processes a group neither grows, nor shrinks, nor replaces what has died. */
const needed = ['Launch', 'Terminate', 'HealthCheck', 'ReplaceUnhealthy'];

/** What keeps a group's instances from being seen, reached or replaced. `hooks` is null when they weren't read. */
export function groupProblems(group: Group, hooks: Hook[] | null, prefix: string, tag: string): Problem[] {
  const problems: Problem[] = [];
  const suspended = group.suspended.filter((process) => needed.includes(process));
  if (suspended.length > 0)
    problems.push({
      thing: 'suspended processes',
      reason: `${group.name} has ${suspended.join(', ')} suspended: resume them when the work that needed it is over`,
    });
  if (!group.propagated.includes(tag))
    problems.push({
      thing: 'instance tags',
      reason: `the tag ${tag} of ${group.name} is not passed on to new instances, which no command reaches: set PropagateAtLaunch`,
    });
  const missing = (['launch', 'terminate'] as const).filter(
    (name) => hooks !== null && !hooks.some((hook) => isHook(hook, prefix, name)),
  );
  for (const name of missing)
    problems.push({
      thing: 'lifecycle hooks',
      reason: `${group.name} has no hook ${prefix}-${name} for ${transitions[name]}, ${without[name]}: add it`,
    });
  return problems;
}

/**
 * Which of the fleet's hooks holds an instance in this state. Either of them may hold one that is bound for the warm
 * pool: then the shorter of their times counts.
 */
export function hookOf(hooks: Hook[], prefix: string, lifecycle: string): Instance['hook'] {
  const named = (transition: keyof typeof transitions) =>
    hooks.find(({ name }) => name === `${prefix}-${transition}`);
  const hook = named(/Terminating|ReplacingRootVolume/.test(lifecycle) ? 'terminate' : 'launch');
  if (hook === undefined) return null;
  const both = lifecycle.startsWith('Warmed:Pending') ? [hook, named('terminate') ?? hook] : [hook];
  return { name: hook.name, heartbeatMs: Math.min(...both.map(({ heartbeatMs }) => heartbeatMs)) };
}

const transitions = {
  launch: 'autoscaling:EC2_INSTANCE_LAUNCHING',
  terminate: 'autoscaling:EC2_INSTANCE_TERMINATING',
};
const without = {
  launch: 'so instances enter service before they are proven',
  terminate: 'so instances go without draining',
};

function isHook(hook: Hook, prefix: string, name: 'launch' | 'terminate'): boolean {
  return hook.name === `${prefix}-${name}` && hook.transition === transitions[name];
}
