import {
  type Activity,
  type AutoScalingClient,
  type AutoScalingGroup,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeLifecycleHooksCommand,
  DescribeScalingActivitiesCommand,
  DescribeWarmPoolCommand,
  type Instance,
  RecordLifecycleActionHeartbeatCommand,
} from '@aws-sdk/client-auto-scaling';
import { limits } from '../runtime/limits.ts';
import { doing, isActionOver } from './errors.ts';
import { pages } from './pages.ts';

export interface GroupInstance {
  id: string;
  zone: string;
  /** As Auto Scaling names it: `Pending:Wait`, `InService`, `Warmed:Pending:Wait`, … */
  lifecycle: string;
}

export interface Group {
  name: string;
  arn: string;
  tags: Record<string, string>;
  /** Those of its warm pool too, except where all groups are read. */
  instances: GroupInstance[];
  hasPool?: boolean;
  /** ARNs of target groups attached to the group itself: Shoal's own must not be among them. */
  attached: string[];
  /** Processes that somebody has suspended: `Launch`, `Terminate`, … */
  suspended: string[];
  /** Keys of the tags that new instances inherit. */
  propagated: string[];
}

export interface Hook {
  name: string;
  transition: string;
  heartbeatMs: number;
}

export interface Groups {
  /** All groups tagged `tag = fleet`. */
  ofFleet(fleet: string): Promise<Group[]>;
  named(name: string): Promise<Group | null>;
  /** The group that the instance is in, null for one that is in none. */
  ofInstance(instance: string): Promise<Group | null>;
  /** All groups that carry the tag, whatever its value. */
  tagged(): Promise<Group[]>;
  hooks(group: string): Promise<Hook[]>;
  /**
   * Start of the newest scaling activity that names each of `instances`, epoch milliseconds. One that none
   * of the newest thousand activities names is left out. With `underWay` only activities without an end count, as
   * are those of instances that wait in a hook: no earlier one spends their time.
   */
  activityStarts(group: string, instances: string[], underWay?: boolean): Promise<Map<string, number>>;
  /** False when the action was over already, which is success too. */
  complete(group: string, hook: string, instance: string, result: 'CONTINUE' | 'ABANDON'): Promise<boolean>;
  heartbeat(group: string, hook: string, instance: string): Promise<boolean>;
}

/** Auto Scaling in the operator's words. `tag` is the key that marks a fleet's groups. */
export function groups(client: AutoScalingClient, tag: string): Groups {
  const describe = (what: string, input: object): Promise<Group[]> =>
    doing(what, () =>
      pages(async (NextToken) => {
        const page = await client.send(new DescribeAutoScalingGroupsCommand({ ...input, NextToken }));
        return { items: (page.AutoScalingGroups ?? []).map(toGroup), next: page.NextToken };
      }),
    );
  /** The group itself doesn't name the instances of its warm pool (DescribeWarmPool, API reference). */
  const withPool = async (group: Group): Promise<Group> => {
    if (!group.hasPool) return group;
    const pooled = await doing(`reading the warm pool of ${group.name}`, () =>
      pages(async (NextToken) => {
        const input = { AutoScalingGroupName: group.name, NextToken };
        const page = await client.send(new DescribeWarmPoolCommand(input));
        return { items: (page.Instances ?? []).map(toInstance), next: page.NextToken };
      }),
    );
    return { ...group, instances: [...group.instances, ...pooled] };
  };
  const named = async (name: string): Promise<Group | null> => {
    const [found] = await describe(`reading group ${name}`, { AutoScalingGroupNames: [name] });
    return found === undefined ? null : withPool(found);
  };
  return {
    named,
    ofInstance: (instance) =>
      doing(`reading which group ${instance} is in`, async () => {
        const input = { InstanceIds: [instance] };
        const answer = await client.send(new DescribeAutoScalingInstancesCommand(input));
        const name = answer.AutoScalingInstances?.[0]?.AutoScalingGroupName;
        return name === undefined ? null : named(name);
      }),
    ofFleet: async (fleet) => {
      const Filters = [{ Name: `tag:${tag}`, Values: [fleet] }];
      const found = await describe(`reading the groups of fleet ${fleet}`, { Filters });
      return Promise.all(found.map(withPool));
    },
    tagged: () =>
      describe('reading all groups', { Filters: [{ Name: 'tag-key', Values: [tag] }], MaxRecords: 100 }),
    hooks: (group) =>
      doing(`reading the hooks of ${group}`, async () => {
        const answer = await client.send(new DescribeLifecycleHooksCommand({ AutoScalingGroupName: group }));
        return (answer.LifecycleHooks ?? []).map((hook) => ({
          name: hook.LifecycleHookName ?? '',
          transition: hook.LifecycleTransition ?? '',
          heartbeatMs: (hook.HeartbeatTimeout ?? 3600) * 1000,
        }));
      }),
    activityStarts: (group, instances, underWay = false) =>
      doing(`reading the activities of ${group}`, async () => {
        const starts = new Map<string, number>();
        let NextToken: string | undefined;
        for (let page = 0; page < limits.activityPagesMax; page++) {
          const input = { AutoScalingGroupName: group, MaxRecords: 100, NextToken };
          const answer = await client.send(new DescribeScalingActivitiesCommand(input));
          const { Activities: found = [] } = answer;
          const open = found.filter(({ EndTime }) => EndTime === undefined);
          noteStarts(underWay ? open : found, starts);
          NextToken = answer.NextToken;
          // Those in progress are described first (DescribeScalingActivities, API reference).
          const isOver = underWay && open.length < found.length;
          if (NextToken === undefined || isOver || instances.every((id) => starts.has(id))) break;
        }
        return starts;
      }),
    complete: (group, hook, instance, result) =>
      doing(`completing ${hook} of ${instance} with ${result}`, () =>
        unlessOver(
          client.send(
            new CompleteLifecycleActionCommand({
              AutoScalingGroupName: group,
              LifecycleHookName: hook,
              InstanceId: instance,
              LifecycleActionResult: result,
            }),
          ),
        ),
      ),
    heartbeat: (group, hook, instance) =>
      doing(`recording a heartbeat of ${instance}`, () =>
        unlessOver(
          client.send(
            new RecordLifecycleActionHeartbeatCommand({
              AutoScalingGroupName: group,
              LifecycleHookName: hook,
              InstanceId: instance,
            }),
          ),
        ),
      ),
  };
}

function toGroup(group: AutoScalingGroup): Group {
  return {
    name: group.AutoScalingGroupName ?? '',
    arn: group.AutoScalingGroupARN ?? '',
    tags: Object.fromEntries((group.Tags ?? []).map((tag) => [tag.Key ?? '', tag.Value ?? ''])),
    instances: (group.Instances ?? []).map(toInstance),
    hasPool: group.WarmPoolConfiguration !== undefined,
    attached: group.TargetGroupARNs ?? [],
    suspended: (group.SuspendedProcesses ?? []).map(({ ProcessName }) => ProcessName ?? ''),
    propagated: (group.Tags ?? []).flatMap((tag) => (tag.PropagateAtLaunch && tag.Key ? [tag.Key] : [])),
  };
}

function toInstance(instance: Instance): GroupInstance {
  return {
    id: instance.InstanceId ?? '',
    zone: instance.AvailabilityZone ?? '',
    lifecycle: instance.LifecycleState ?? '',
  };
}

/** An activity names its instance in its Description only ("Launching a new EC2 instance: i-…"). */
function noteStarts(activities: Activity[], starts: Map<string, number>): void {
  for (const { Description, StartTime } of activities) {
    const id = /\bi-[0-9a-f]+\b/.exec(Description ?? '')?.[0];
    if (id !== undefined && StartTime !== undefined)
      starts.set(id, Math.max(starts.get(id) ?? 0, StartTime.getTime()));
  }
}

/** A finished action counts as done: completing twice is success. */
async function unlessOver(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (!isActionOver(error)) throw error;
    return false;
  }
}
