import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startInBackground } from '../background.ts';
import { createOverview } from '../overview.ts';
import { defaultPort, stateDirectory } from '../state.ts';
import type { CommandInput } from './command.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** Starts a region in the background and returns when its fleet serves. */
export async function up({ port, options: given }: CommandInput): Promise<number> {
  const pace = given.pace ?? 'fast';
  if (pace !== 'fast' && pace !== 'real') throw new Error(`--pace is fast or real, not ${String(pace)}`);
  const packageDirectory = resolve(String(given.package ?? project));
  const started = Date.now();
  const progress = (line: string) => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(5);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  const options = { port, pace, packageDirectory, stateDirectory: stateDirectory(port) } as const;
  const background = startInBackground(options, progress);
  // A fleet that doesn't get ready stays, so that its logs and hosts can be looked at.
  await background.ready.finally(background.release);
  progress('the fleet serves');
  const overview = await createOverview(`http://127.0.0.1:${port}`, 'demo')();
  process.stdout.write(howToUse(port, overview.instances[0]?.id ?? 'i-...'));
  return 0;
}

function howToUse(port: number, instanceId: string): string {
  const at = port === defaultPort ? '' : ` --port ${port}`;
  const region = (command: string) => `npm run region -- ${command}`;
  return `
A fleet called demo runs behind a balancer. From an on-premises machine:

  npm run --silent region -- client${at} -- \\
    aws s3 ls s3://squid-test-bucket/

Edit a parameter and see the fleet follow:

  ${region(`aws${at} ssm put-parameter --overwrite \\`)}
    --name /shoal/demo/allowed-cidrs --value 172.31.0.0/24,192.168.7.0/24
  ${region(`status${at}`)}
  ${region(`logs${at} reconcile -f`)}

Look around:

  ${region(`aws${at} autoscaling describe-auto-scaling-instances`)}
  ${region(`shell${at} ${instanceId}`)}
  eval "$(npm run --silent region -- env${at})"

End it:

  ${region(`down${at}`)}
`;
}
