import fc from 'fast-check';
import { expect, test } from 'vitest';
import { statusText } from '../../shared/control/status-text.ts';
import { decide } from '../../shared/decisions/decide.ts';
import type { Status } from '../../shared/decisions/model.ts';
import { decideFleet } from '../../shared/decisions/rollout.ts';
import { toNote } from '../../shared/host/document.ts';
import { type HostReport, parseReport } from '../../shared/host/report.ts';
import { config, edited, failed, good, instance, now, onLive, runs, world } from '../decisions/worlds.ts';
import { hostile, obeyed } from './hostile.ts';

/** What a host in somebody else's hands can and can't bring about with what it reports. */

const honest = {
  ...{ mode: 'apply', outcome: 'restored', phase: 'proof', reason: 'Squid died', running: good.sha256 },
  ...{ file: good.sha256, intent: '1.3.0', serving: true, probe: 'ok', squid: '6.13', ms: { lock: 3 } },
  ...{ clients: ['172.31.0.5'], clientsTotal: 1, provenSince: 1, connections: 2, drainingSince: 3 },
};

/** A report with hostile texts in some fields, or hostile bytes that are no report at all. */
const reports = fc.oneof(
  hostile,
  fc
    .dictionary(
      fc.constantFrom(...Object.keys(honest)),
      fc.oneof(
        hostile,
        hostile.map((one) => [one, one]),
        fc.double(),
        fc.constant(null),
      ),
    )
    .map((changes) => JSON.stringify({ ...honest, ...changes })),
  hostile.map((word) => JSON.stringify({ ...honest, reason: word, phase: word, clients: [word] })),
);

/** A fleet in the middle of a rollout, one host of which reports this. */
function fleetThatHears(report: HostReport | string) {
  const evidence =
    typeof report === 'string'
      ? ({ mode: 'apply', outcome: 'failed', phase: 'unknown', reason: report, running: null } as const)
      : report;
  const status: Status = {
    ...onLive,
    rollout: {
      ...{ sha256: edited.sha256, forced: false, startedAt: now - 1_000, build: 0 },
      unhealthyBefore: Array.from({ length: 100 }, (_, at) => `i-${String(at).padStart(17, '0')}`),
    },
  };
  const suspect = instance('i-1', {
    host: { kind: 'reported', report: evidence, at: now, sha256: edited.sha256 },
  });
  return world([suspect, instance('i-2', { host: runs(good) })], {
    desired: { kind: 'config', config: edited, editedAt: now - 60_000 },
    state: { status, version: 3, live: good, rollout: edited },
  });
}

test('no report reaches a terminal, a log or a command as more than words', () => {
  let read = 0;
  fc.assert(
    fc.property(reports, (stdout) => {
      const report = parseReport(stdout);
      if (typeof report !== 'string') read++;
      expect(obeyed(JSON.stringify(report))).toEqual([]);
      const observed = fleetThatHears(report);
      const { says } = decideFleet(observed);
      for (const { reason } of decide(observed)) {
        expect(obeyed(reason)).toEqual([]);
        expect(toNote(reason)).toMatch(/^[A-Za-z0-9.,:/_-]{0,200}$/);
      }
      const { running, reason } = typeof report === 'string' ? { running: null, reason: report } : report;
      const row = {
        ...{ instance: 'i-1', zone: 'a', lifecycle: 'InService', target: 'healthy', running, age: 1 },
        ...{ config: running?.slice(0, 12) ?? null, tunnels: null, host: 'x', trouble: reason, next: reason },
      };
      const facts = {
        ...{ fleet: 'demo', well: false, serving: false, says, since: null, live: null, rollout: null },
        ...{ waves: [], mistakes: [], problems: [reason], instances: [row] },
        rejected: { sha256: good.sha256, settings: '', instance: 'i-1', reason, at: now },
      };
      const text = statusText(facts, says, 'shoal');
      expect(obeyed(text.replaceAll('\n', ''))).toEqual([]);
      expect(text.split('\n').filter((line) => line.startsWith('well'))).toEqual([]);
    }),
    { numRuns: 2_000, seed: 12 },
  );
  expect(read).toBeGreaterThan(200);
});

test('what a host says leaves room in the status, however much it says', () => {
  const long = fc.array(fc.oneof(hostile, fc.string({ unit: 'grapheme', minLength: 50 })), {
    minLength: 40,
    maxLength: 60,
  });
  fc.assert(
    fc.property(long, (words) => {
      const stdout = JSON.stringify({ ...honest, reason: words.join(''), phase: words.join('') });
      const steps = decide(fleetThatHears(parseReport(stdout)));
      const written = steps.find((step) => step.step === 'write-status')?.status;
      expect(written?.rejected?.instance).toBe('i-1');
      expect(Buffer.byteLength(JSON.stringify(written))).toBeLessThanOrEqual(4096);
    }),
    { numRuns: 200, seed: 13 },
  );
});

test('ways back that fail again and again leave room in the status too', () => {
  const third = config('172.31.7.0/24');
  const rejected = { sha256: edited.sha256, settings: edited.settingsHash, instance: 'i-1', at: now };
  const status: Status = {
    ...onLive,
    rejected: { ...rejected, reason: '\ufffd'.repeat(800) },
    rollout: { sha256: third.sha256, forced: true, startedAt: now - 1_000, unhealthyBefore: [], build: 0 },
  };
  const host = failed(third, { reason: '\ufffd'.repeat(400) });
  const steps = decide(
    world([instance('i-1', { host })], {
      desired: { kind: 'config', config: edited, editedAt: now - 60_000 },
      state: { status, version: 3, live: good, rollout: third },
    }),
  );
  const written = steps.find((step) => step.step === 'write-status')?.status;
  expect(written?.rejected).toMatchObject({ sha256: third.sha256, settings: edited.settingsHash });
  expect(written?.rejected?.reason).toHaveLength(800);
  expect(Buffer.byteLength(JSON.stringify(written))).toBeLessThanOrEqual(4096);
});

test('a client that is no address is nobody, and the others stay named', () => {
  const clients = ['172.31.0.5', 'example.com', '10.0.0.0/8', 'fe80::1%eth0', '', 'fd00::7'];
  const report = parseReport(JSON.stringify({ ...honest, clients, clientsTotal: 6 }));
  expect(report).toMatchObject({ clients: ['172.31.0.5', 'fd00::7'], clientsTotal: 6 });
});

test.each(['999999999999999.1.0', `${now + 1}.0.0`])(
  'a host that claims an epoch to come (%s) moves nobody',
  (intent) => {
    const report = { ...runs(good), report: { ...honest, reason: '', outcome: 'proven', intent } };
    const observed = world([instance('i-1', { host: report as never }), instance('i-2')]);
    expect(decide(observed).filter(({ step }) => step === 'write-status')).toEqual([]);
  },
);

test.each(['1.2.3.4', '-1.0.0', '1e9.0.0', '1234567890123456.0.0', ' 1.2.3', '1.2.3\n'])(
  'an intent %j that no command could carry is no report',
  (intent) => {
    expect(parseReport(JSON.stringify({ ...honest, intent }))).toMatch(/wrong intent/);
  },
);
