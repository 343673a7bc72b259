import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** What test/account/run.ts has run, once there is a stage; `SHOAL_PLACE` says where. */
export default defineConfig({
  test: {
    root: join(import.meta.dirname, '../..'),
    include: ['test/account/*.account.ts'],
    reporters: ['verbose'],
    // One after the other: the fleet's figures are those of a quiet stage.
    fileParallelism: false,
    testTimeout: 30 * 60_000,
    hookTimeout: 30 * 60_000,
  },
});
