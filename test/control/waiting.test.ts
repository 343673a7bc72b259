import { expect, test } from 'vitest';
import type { Group } from '../../shared/aws/groups.ts';
import type { Engine } from '../../shared/control/engine.ts';
import type { Known } from '../../shared/control/observe.ts';
import { waitingReader } from '../../shared/control/waiting.ts';
import { failed, fleetScope, good, now, runs, world } from '../decisions/worlds.ts';

const minute = 60_000;
const ids = ['i-late', 'i-young', 'i-untold'];
const group: Group = {
  ...{ name: 'demo', arn: 'arn', tags: {}, attached: [], suspended: [], propagated: [] },
  instances: ids.map((id) => ({ id, zone: 'a', lifecycle: 'Pending:Wait' })),
};

/** Scaling activities tell of the first two when they began. */
function reader() {
  const calls: unknown[][] = [];
  const starts = new Map([
    ['i-late', now - 60 * minute],
    ['i-young', now - minute],
  ]);
  const engine = {
    aws: {
      groups: {
        activityStarts: async (...call: unknown[]) => calls.push(['activityStarts', ...call]) && starts,
      },
      commands: { wereSent: async (...call: unknown[]) => calls.push(['wereSent', ...call]) > 0 },
    },
    clock: { now: () => now },
    timing: world([]).timing,
  } as unknown as Engine;
  return { calls, waiting: waitingReader(engine, fleetScope) };
}

test('one whose activity is not there is looked for once a run, and when it comes anew', async () => {
  const { calls, waiting } = reader();
  for (const _ of [1, 2, 3]) await waiting.read(group);
  expect(calls).toEqual([['activityStarts', 'demo', ids, true]]);
  waiting.forget('i-untold');
  await waiting.read(group);
  expect(calls).toHaveLength(2);
});

test('what was sent minutes ago is looked up of those alone that may be given up', async () => {
  const { calls, waiting } = reader();
  await waiting.read(group);
  calls.length = 0;
  const hosts = (host: Known) => new Map(ids.map((id) => [id, host]));
  await waiting.readTries(group, hosts(runs(good)));
  await waiting.readTries(group, new Map());
  expect(calls).toEqual([]);
  for (const _ of [1, 2]) await waiting.readTries(group, hosts(failed(good, {})));
  expect(calls).toEqual([['wereSent', 'i-late', now - 10 * minute, now - 5 * minute]]);
  expect(waiting.tried).toEqual(new Map([['i-late', true]]));
});
