import { afterEach, expect, test, vi } from 'vitest';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** A function may be killed at any of its calls of AWS: whoever comes next goes on from what it observes. */

let region: Virtual;
afterEach(() => region.close());

const healthy = () => region.targets().filter(({ state }) => state === 'healthy').length;
const running = () => [...region.hosts.machines.values()].map((machine) => machine.running);
const liveHash = () => region.status()?.live?.sha256 ?? '';

test('a launch goes on after admit has died at any of its calls', async () => {
  for (let call = 1; call <= 16; call++) {
    region = await virtualRegion({ capacity: 1 });
    let seen = 0;
    region.world.wire.fault = ({ identity }) => {
      if (!identity.endsWith('/shoal-admit')) return undefined;
      seen++;
      // From its n-th call on nothing of this function gets through, as if it had been killed there.
      return seen >= call ? region.denied : undefined;
    };
    await region.settled();
    if (call < 16) await region.close();
  }
});

test('a drain goes on after drain has died at any of its calls', async () => {
  for (let call = 1; call <= 14; call++) {
    region = await virtualRegion({ capacity: 2 });
    await region.settled();
    for (const machine of region.hosts.machines.values()) machine.connections = 1;
    let seen = 0;
    // From its n-th call on nothing of this function gets through, as if it had been killed there.
    region.world.wire.fault = ({ identity }) =>
      identity.endsWith('/shoal-drain') && ++seen >= call ? region.denied : undefined;
    region.capacity(1);
    const [id] = region.instances().map((one) => one.id) as [string];
    await region.until(`it drains after a death at call ${call}`, () =>
      region.targets().some((target) => target.id === id && target.state === 'draining'),
    );
    // Its client is waited for, whoever goes on with the drain.
    await vi.advanceTimersByTimeAsync(5_000);
    expect(region.hosts.machines.get(id)?.connections).toBe(1);
    Object.assign(region.hosts.machines.get(id) ?? {}, { connections: 0 });
    await region.until(`it is gone after a death at call ${call}`, () => !region.hosts.machines.has(id));
    expect(healthy()).toBe(1);
    if (call < 14) await region.close();
  }
}, 60_000);

test('an edit goes on after reconcile has died at any of its calls', async () => {
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
