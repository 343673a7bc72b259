import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Runs the open-source Serverless Framework in a folder with a serverless.yml: `package`, `deploy` and so on.
 *
 * @param shows Whether a person sees what it prints while it is at work; otherwise an error holds it.
 * @throws Error with what it printed, when it fails.
 */
export function osls(folder: string, words: string[], { shows = false } = {}): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, '../node_modules/osls/bin/serverless.js'), ...words],
    {
      cwd: folder,
      encoding: 'utf8',
      stdio: shows ? 'inherit' : 'pipe',
      env: { ...process.env, SLS_NOTIFICATIONS_MODE: 'off', SLS_TELEMETRY_DISABLED: '1' },
    },
  );
  if (status !== 0)
    throw new Error(`osls ${words[0]} failed${shows ? ': see above' : `:\n${stdout}${stderr}`}`);
}
