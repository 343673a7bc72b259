import { expect, test } from 'vitest';
import type { Engine } from '../../shared/control/engine.ts';
import { teller } from '../../shared/control/tell.ts';
import type { Scope, Step } from '../../shared/decisions/model.ts';
import type { Notice } from '../../shared/decisions/notices.ts';
import { comingIn, now, whole, world } from '../decisions/worlds.ts';

/** A run that began 7 minutes after its launches, with what it sends. */
function begin(count: number, scope: Scope) {
  const sent: Notice[] = [];
  const engine = {
    aws: { notify: async (notices: Notice[]) => sent.push(...notices) && [] },
    ...{ askMs: 300_000, prefix: 'shoal', clock: { now: () => now }, log: () => {} },
  } as unknown as Engine;
  const ids = Array.from({ length: count }, (_, at) => `i-${at}`);
  const observed = world(
    ids.map((id) => comingIn(id, { startedAt: now - 420_000 })),
    { scope },
  );
  return { ids, observed, sent, others: teller(engine) };
}

const held = (instance: string): Step => ({
  ...{ step: 'wait', instance, on: 'state', pollMs: 1, held: true, reason: 'held: unable in phase disk' },
});

test('a sweep tells once of all that it found held, whenever it found them so', async () => {
  const { ids, observed, sent, others } = begin(100, { ...whole, askAll: true, request: null });
  for (const id of ids) others.look(observed, [held(id)]);
  // It is tried again at the end, and one of them is well after all.
  const reason = 'x';
  others.look(observed, [
    { step: 'wait', instance: 'i-0', on: 'commands', pollMs: 1, reason },
    { step: 'register', instance: 'i-1', reason },
  ]);
  expect(sent).toEqual([]);
  await others.done();
  expect(sent).toMatchObject([{ type: 'Shoal Launch Held', detail: { instance: 'i-0', count: 99 } }]);
});

test("an event's handler tells of its launch at once, and once", async () => {
  const { observed, sent, others } = begin(1, { kind: 'instance', instance: 'i-0', transition: 'launch' });
  for (const _ of [1, 2]) others.look(observed, [held('i-0')]);
  expect(sent).toHaveLength(1);
  await others.done();
  expect(sent).toHaveLength(1);
});
