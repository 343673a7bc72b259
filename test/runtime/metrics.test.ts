import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** What a function prints, which CloudWatch reads the metrics from. */
function printed(values: object[]): Record<string, unknown>[] {
  const file = fileURLToPath(new URL('../../shared/runtime/metrics.ts', import.meta.url));
  const code = `import { emit } from ${JSON.stringify(file)}; emit(${JSON.stringify(values)});`;
  const env = { PATH: process.env.PATH, POWERTOOLS_SERVICE_NAME: 'shoal' };
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    env,
  });
  expect(stderr).toBe('');
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test('metrics are lines in the embedded metric format, one for each set of dimensions', () => {
  const fleet = 'demo';
  const lines = printed([
    { name: 'Admissions', unit: 'Count', value: 1, dimensions: { fleet } },
    { name: 'PhaseDuration', unit: 'Seconds', value: 2.5, dimensions: { fleet, phase: 'agent' } },
    { name: 'AdmissionDuration', unit: 'Seconds', value: 9, dimensions: { fleet } },
    { name: 'Sweeps', unit: 'Count', value: 1, dimensions: {} },
  ]);
  expect(lines).toMatchObject([
    { service: 'shoal', fleet, Admissions: 1, AdmissionDuration: 9 },
    { service: 'shoal', fleet, phase: 'agent', PhaseDuration: 2.5 },
    { service: 'shoal', Sweeps: 1 },
  ]);
  expect(lines[0]).not.toHaveProperty('phase');
  expect(lines.map(({ _aws }) => (_aws as { CloudWatchMetrics: object[] }).CloudWatchMetrics)).toEqual([
    [
      {
        Namespace: 'Shoal',
        Dimensions: [['service', 'fleet']],
        Metrics: [
          { Name: 'Admissions', Unit: 'Count' },
          { Name: 'AdmissionDuration', Unit: 'Seconds' },
        ],
      },
    ],
    [
      {
        Namespace: 'Shoal',
        Dimensions: [['service', 'fleet', 'phase']],
        Metrics: [{ Name: 'PhaseDuration', Unit: 'Seconds' }],
      },
    ],
    [{ Namespace: 'Shoal', Dimensions: [['service']], Metrics: [{ Name: 'Sweeps', Unit: 'Count' }] }],
  ]);
});
