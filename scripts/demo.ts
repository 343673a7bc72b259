/** `npm run demo`: a fleet from its deployment to its scaling, each step proven by what a client sees. */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { defaultPort } from '../region/state.ts';
import { demo } from './demo/demo.ts';

const usage = `npm run demo [-- --port N] [--keep] [--simulated]

  --port N   the region's port, ${defaultPort} by default
  --keep     leaves the region up for you to try
  --simulated
             runs on simulated hosts, as it does where real ones can't be had
`;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof signals)[number];

try {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      keep: { type: 'boolean' },
      simulated: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const port = Number(values.port ?? defaultPort);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`${values.port} is no port`);
  if (values.help) process.stdout.write(usage);
  else {
    const signal = interruption();
    // Set-up has found out what can be had.
    const simulated = values.simulated ?? process.env.SHOAL_HOSTS === 'simulated';
    const status = await demo({ port, keep: values.keep ?? false, simulated, signal });
    process.exitCode = signal.aborted ? 128 + constants.signals[signal.reason as Signal] : status;
  }
} catch (error) {
  process.stderr.write(`demo: ${(error as Error).message}\n${usage}`);
  process.exitCode = 2;
}

/** Aborts at the first signal, its name the reason; all is being ended then, so another one changes nothing. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of signals) process.on(name, () => controller.abort(name));
  return controller.signal;
}
