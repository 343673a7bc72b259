import { expect, test } from 'vitest';
import { readable } from '../../region/commands/logs.ts';

const metrics = (dimensions: string[], names: string[], members: object) =>
  JSON.stringify({
    _aws: {
      Timestamp: 1_795_541_699_538,
      CloudWatchMetrics: [
        {
          Namespace: 'Shoal',
          Dimensions: [dimensions],
          Metrics: names.map((Name) => ({ Name, Unit: 'Count' })),
        },
      ],
    },
    ...members,
  });

test('shows metrics with their values and dimensions', () => {
  const members = { service: 'shoal', fleet: 'demo', Admissions: 1, AdmissionDuration: 3.53 };
  const line = metrics(['service', 'fleet'], ['Admissions', 'AdmissionDuration'], members);
  expect(readable(line)).toBe('metric Admissions 1 AdmissionDuration 3.53 fleet=demo');
  const problem = { service: 'shoal', fleet: 'demo', problem: 'drift', Problems: 2 };
  expect(readable(metrics(['service', 'fleet', 'problem'], ['Problems'], problem))).toBe(
    'metric Problems 2 fleet=demo problem=drift',
  );
});

test('shows what a line says, and anything else as it is', () => {
  expect(readable('{"level":"INFO","message":"swept"}')).toBe('swept');
  expect(readable('{"level":"ERROR","message":"asking","error":{"message":"gone"}}')).toBe(
    'ERROR asking: gone',
  );
  for (const line of ['START RequestId: 1', '{"a":1}', '{']) expect(readable(line)).toBe(line);
});
