import { enterHost } from '../hosts/namespaces.ts';
import { networkDirectory, runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';
import { runInForeground } from './foreground.ts';

/** Runs a command on an instance, a shell if none is given. */
export async function shell({ port, words: [instanceId], command }: CommandInput): Promise<number> {
  const { directory } = runningRegion(port);
  if (!instanceId) throw new Error('which instance? npm run region -- status names them');
  const [program, ...enter] = enterHost(networkDirectory(directory), instanceId);
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
  const run = command.length > 0 ? command : ['bash'];
  return await runInForeground(program!, [...enter, ...run], { ...env, TERM: process.env.TERM ?? 'dumb' });
}
