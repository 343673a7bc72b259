import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Plan } from '../../shared/control/plan.ts';
import { type Virtual, virtualRegion } from '../scenarios/virtual-region.ts';

let region: Virtual;
beforeEach(async () => {
  region = await virtualRegion({ capacity: 2 });
  await region.settled();
});
afterEach(() => region.close());

const plan = (more = {}): Promise<Plan> => region.invoke({ fleet: 'demo', mode: 'plan', ...more });

test('what somebody has made of a file is shown, and harms no terminal', async () => {
  const [id = '', machine] = [...region.hosts.machines][0] ?? [];
  const lines = '< http_access deny all\n> http_access allow all # \x1b[2J\x9b\u202e';
  Object.assign(machine ?? {}, { file: null, differs: Buffer.from(lines).toString('base64') });
  const { differs, text } = await plan();
  expect(differs).toEqual([
    { instance: id, lines: ['-http_access deny all', '+http_access allow all # ?[2J??'] },
  ]);
  expect(text).toContain('\n    +http_access allow all # ?[2J??\n');
});

test('a way back is shown before it is gone: whom it moves, and what it changes', async () => {
  const former = region.status()?.live?.sha256 ?? '';
  region.put('allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
  await region.until('the edit is live', () => {
    const { live, rollout } = region.status() ?? {};
    return live?.sha256 !== former && rollout === undefined;
  });
  const before = region.status();
  for (const machine of region.hosts.machines.values()) machine.clients = ['172.31.9.7'];
  const { diff, cutOff, waves, refused, text } = await plan({ rollback: true });
  expect(diff).toContain('-acl allowed_src src 172.31.9.0/24\n');
  expect(cutOff.clients).toMatchObject([{ client: '172.31.9.7' }]);
  expect(waves.map(({ name }) => name)).toEqual(['canary', 'wave 1']);
  expect(refused).toEqual([]);
  expect(text).toMatch(/^plan for demo: 2 instances would move, in 2 waves/);
  expect((await plan({ rollback: former.slice(0, 12) })).diff).toBe(diff);
  expect(region.status()).toEqual(before);
});
