import { expect, test } from 'vitest';
import type { BusEvent } from '../../region/context.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

const administrator = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
const autoscaling = ({ world }: Virtual, operation: string, input: object) =>
  world.autoscaling.service.operations[operation]!(
    { AutoScalingGroupName: 'shoal-demo', ...input },
    administrator,
  );

test.each<[string, 'Stopped' | 'Running', 'fast' | 'real']>([
  ['no', 'Stopped', 'fast'],
  ['every launch', 'Stopped', 'fast'],
  ['every terminate', 'Running', 'fast'],
  ['no', 'Running', 'real'],
  ['every', 'Stopped', 'real'],
])(
  'with %s event lost, a pool of %s machines is filled, used, refilled and emptied, at pace %s',
  async (lost, state, pace) => {
    const isLost = ({ 'detail-type': type }: BusEvent) =>
      type.includes('Lifecycle Action') && (lost === 'every' || type.includes(lost.split(' ')[1] ?? 'none'));
    const region = await virtualRegion({ pace, deliver: (event) => (isLost(event) ? 0 : 1) });
    const states = () =>
      region
        .instances()
        .map(({ lifecycle }) => lifecycle)
        .sort()
        .join();
    const live = () => region.status()?.live?.sha256;
    const registered = () => region.targets().filter((target) => target.state !== 'draining').length;
    try {
      await region.settled();
      const reuse = { InstanceReusePolicy: { ReuseOnScaleIn: true } };
      autoscaling(region, 'PutWarmPool', {
        PoolState: state,
        MinSize: 1,
        MaxGroupPreparedCapacity: 3,
        ...reuse,
      });
      await region.until('one is prepared', () => states().includes(`Warmed:${state}`));
      expect(registered()).toBe(2);
      // What it was prepared with is old by the time that it is needed.
      region.put('allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
      const before = live();
      await region.until('an edit is live', () => live() !== before && !region.status()?.rollout);
      region.capacity(3);
      await region.until('it has come out', () => region.inService().length === 3);
      const running = region.inService().map(({ id }) => region.hosts.machines.get(id)?.running);
      expect(running).toEqual([live(), live(), live()]);
      await region.until('the pool is refilled', () => states().includes(`Warmed:${state}`));
      region.capacity(2);
      await region.until('one is back', () => states() === `InService,InService,Warmed:${state}`);
      await region.until('it is out of the balancer’s hands', () => registered() === 2);
      autoscaling(region, 'DeleteWarmPool', { ForceDelete: true });
      await region.until('the pool is gone', () => states() === 'InService,InService');
      expect(region.failures).toEqual([]);
    } finally {
      await region.close();
    }
  },
);
