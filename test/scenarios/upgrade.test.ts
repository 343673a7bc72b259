import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { type Alarm, type Datum, isInAlarm, packaged } from '../infra/alarms.ts';
import { type RolloutRegion, rolloutRegion } from './rollout-bed.ts';

/** A stack's update changes the document first, while the old code still runs. */

let region: RolloutRegion;
afterEach(() => region.close());

const says = "another build's document is deployed: an upgrade is under way, or has stopped half-way";
const newDocument = readFileSync(new URL('../../build/document.json', import.meta.url), 'utf8').replace(
  '"description": "Brings',
  '"description": "Of the next build: brings',
);

async function settledWithNewDocument(capacity: number) {
  region = await rolloutRegion({ capacity, pace: 'real' });
  await region.settled();
  await region.pass(180);
  region.logs.length = 0;
  region.moves.length = 0;
  region.world.commands.putDocument('shoal-apply', newDocument);
}

/** Every invocation that begins from now on is one of the new code. */
async function newCodeUntil(what: string, done: () => unknown) {
  process.env.SHOAL_DOCUMENT_SHA256 = createHash('sha256').update(newDocument).digest('hex');
  await region.until(what, () => {
    region.restartFunctions();
    return done();
  });
}

/** As if each launch under way had begun an hour ago: a sweep finds all its budgets spent. */
function spendBudgets() {
  for (const activity of region.world.autoscaling.group('shoal-demo')?.activities ?? [])
    if (activity.endedAt === undefined) activity.startedAt -= 3_600_000;
}

const reasons = (id: string) => region.logs.filter(({ instance }) => instance === id).map((it) => it.reason);
const healthy = () => region.targets().filter(({ state }) => state === 'healthy').length;

test('old code holds launches while the document is newer, and the new code admits them', async () => {
  await settledWithNewDocument(1);
  region.capacity(2);
  await region.pass(180);
  spendBudgets();
  await region.pass(300);
  const id = region.instances().find(({ lifecycle }) => lifecycle === 'Pending:Wait')?.id ?? '';
  expect(reasons(id)).toContain(`held: nothing to run yet: ${says}`);
  expect(reasons(id)).toContain('still at work');
  expect(region.hosts.machines.get(id)?.running).toBe(null);
  // Its time is spent, but not by its tries: the first of them may fail.
  region.hosts.behave(id, 'unable');
  await newCodeUntil('it is tried', () => reasons(id).some((it) => String(it).startsWith('held: unable')));
  await region.pass(120);
  region.hosts.behave(id, 'works');
  await newCodeUntil('it is in service', () => region.inService().length === 2);
  expect(region.inService().map((it) => it.id)).toContain(id);
  expect(region.logs.filter(({ result }) => result === 'ABANDON')).toEqual([]);
  expect(region.failures).toEqual([]);
});

test('a rollout waits for the new code, and nobody leaves the balancer meanwhile', async () => {
  await settledWithNewDocument(3);
  region.put('demo', 'allowed-cidrs', '172.31.0.0/24,172.31.9.0/24');
  await region.pass(15 * 60);
  expect(region.moves).toEqual([]);
  expect(region.story().at(-1)).toMatch(/^A → /);
  expect(healthy()).toBe(3);
  expect(region.logs.find(({ message }) => String(message).startsWith('no command is taken'))).toMatchObject({
    reason: expect.stringContaining('does not match Sha256'),
  });
  await newCodeUntil('it is live', () => region.story().at(-1) === 'B');
  expect(region.failures).toEqual([]);
});

test('a document that stays another build alarms, and an upgrade does not', async () => {
  await settledWithNewDocument(1);
  const alarm = [...packaged<Alarm>('AWS::CloudWatch::Alarm').values()].find(
    ({ AlarmName }) => AlarmName === 'shoal/other-document',
  ) as Alarm;
  const isOn = () => {
    const data = region.measured.map(
      ({ prefix, dimensions, ...it }): Datum => ({
        ...{ ...it, namespace: 'Shoal', dimensions: { service: prefix, ...dimensions } },
      }),
    );
    return isInAlarm(alarm, data, Date.now());
  };
  await region.pass(9 * 60);
  expect(isOn()).toBe(false);
  await region.pass(8 * 60);
  expect(isOn()).toBe(true);
  expect(region.logs.filter(({ problem }) => problem === 'document').length).toBeGreaterThan(1);
});

test('an instance that leaves is drained by old code as without an agent', async () => {
  await settledWithNewDocument(2);
  for (const one of region.hosts.machines.values()) one.connections = 1;
  const since = Date.now();
  region.capacity(1);
  await region.until('it is gone', () => region.instances().length === 1);
  expect(Date.now() - since).toBeGreaterThan(120_000);
  expect(region.logs.filter(({ step }) => step === 'complete')).toMatchObject([
    { result: 'CONTINUE', reason: 'the deregistration delay has passed' },
  ]);
});

test('somebody who asks is told of the upgrade', async () => {
  await settledWithNewDocument(2);
  const status = await region.invoke({ fleet: 'demo', mode: 'status' });
  expect(status).toMatchObject({ well: false, says: expect.stringContaining(says) });
  expect(status.problems).toEqual([expect.stringMatching(/^no command is taken.*, deploy again$/)]);
  const applied = await region.invoke({ fleet: 'demo', mode: 'apply' });
  expect(applied.says).toBe(says);
});
