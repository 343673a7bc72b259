import { defineConfig } from 'vitest/config';
import LongestFirst from './test/longest-first.ts';

/** Puts a module of its own in the place of one of Shoal's, which other files of its worker would get too. */
const mocked = 'test/scenarios/rollout-upgrade.slow.test.ts';

export default defineConfig({
  test: {
    env: { POWERTOOLS_LOG_LEVEL: 'SILENT', POWERTOOLS_METRICS_DISABLED: 'true' },
    globalSetup: './test/aws-cli/setup.ts',
    reporters: ['default', './test/closing-line.ts'],
    sequence: { sequencer: LongestFirst },
    // On two processors: many wait for real hosts and processes.
    maxWorkers: 4,
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{host,slow}.test.ts', 'test/broken/**'],
          testTimeout: 20_000,
          // Modules are loaded once a worker and not once a file, which is a quarter of the time.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'mocked',
          include: [mocked],
          testTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'hosts',
          // Slow ones need no hosts, and are too long for the fast tests' minute.
          include: ['test/**/*.{host,slow}.test.ts'],
          exclude: ['test/broken/**', mocked],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxConcurrency: 2,
          // As above, but for the one that must not share.
          isolate: false,
        },
      },
    ],
  },
});
