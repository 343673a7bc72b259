import { afterEach, expect, test } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(() => region.close());

const running = () => [...region.hosts.machines.values()].map((machine) => machine.running);
const liveHash = () => region.status()?.live?.sha256 ?? '';

test('reconcile goes on after dying at any of its calls', async () => {
  for (let call = 1; call <= 24; call++) {
    region = await virtualRegion({ capacity: 2 });
    await region.settled();
    const before = liveHash();
    let seen = 0;
    const from = region.logs.length;
    region.world.wire.fault = ({ identity }) => {
      // One invocation loses all its calls from the n-th on, as if it had been killed there.
      if (!identity.endsWith('/shoal-reconcile') || region.failures.length > 0) return undefined;
      return ++seen >= call ? region.denied : undefined;
    };
    region.put('allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
    await region.until(
      `the edit is live after a death at call ${call}`,
      () => liveHash() !== before && region.status()?.rollout === undefined,
    );
    expect(running()).toEqual([liveHash(), liveHash()]);
    expect(region.logs.length).toBeGreaterThan(from);
    if (call < 24) await region.close();
  }
}, 60_000);
