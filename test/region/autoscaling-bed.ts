import { vi } from 'vitest';
import { fast } from '../../region/pace.ts';
import { createBed, groupSpec } from './bed.ts';

/** A group on virtual time, and Auto Scaling's operations called without a wire. */
export function startGroup(extra: Parameters<typeof groupSpec>[0] = {}) {
  const bed = createBed(fast);
  const group = bed.world.autoscaling.createGroup(groupSpec({ minSize: 0, ...extra }));
  const caller = { identity: 'me', accessKeyId: 'key', requestId: 'id' };
  return {
    ...bed,
    group,
    call: <T = Record<string, unknown>>(operation: string, input: object = {}): T =>
      bed.world.autoscaling.service.operations[operation]!(
        { AutoScalingGroupName: 'proxies', ...input },
        caller,
      ) as T,
    states: () => group.members.map(({ state }) => state),
    /** The newest activity that names an instance. */
    activityOf: (id: string | undefined) => group.activities.find(({ instanceId }) => instanceId === id),
    /** From where to where each lifecycle event of a transition went. */
    journeys: (word: 'launch' | 'terminate') =>
      bed
        .eventsOf(`EC2 Instance-${word} Lifecycle Action`)
        .map(({ detail }) => `${detail.Origin} > ${detail.Destination}`),
  };
}

export const advance = (ms = 1_000) => vi.advanceTimersByTimeAsync(ms);
