import { hostFaults, injectHostFault } from '../host-faults.ts';
import { networkDirectory, runningRegion } from '../state.ts';
import type { CommandInput } from './command.ts';
import { control } from './control.ts';

const usage = `Makes something go wrong in a running region.

  npm run region -- fault FAULT WHAT [NUMBER] [HOW OFTEN]

  throttle OPERATION           calls of it are throttled; admit:OPERATION, those
                               of one function alone
  lose EVENT                   it never reaches a function
  double EVENT                 it comes twice
  delay EVENT SECONDS          it comes late
  stop-agent INSTANCE          the SSM agent is silent, until that is cleared
  slow-agent INSTANCE SECONDS  it takes so much longer to come and to answer
  crash FUNCTION CALL          it dies at its CALL-th call of AWS
  stale-reads PATH             parameters below it read as their version before
  short-pages PATH             pages of parameters are short, or empty
  fail-zone ZONE               nothing in it can be reached or launched
  kill-squid INSTANCE          all of Squid dies
  kill-worker INSTANCE         one of its workers dies
  break-reload INSTANCE        Squid dies whenever it is told to read its file
  mend-reload INSTANCE         it reads it again
  fill-disk INSTANCE           no space is left for Squid's files and Shoal's
  lock-disk INSTANCE           they are read-only
  mend-disk INSTANCE           the disk is as it was before

  list                         the faults in force and how often each struck
  clear [NUMBER]               ends one of them, or all

EVENT is launch, terminate, parameter, command, schedule, or a detail-type in
quotes. INSTANCE is i-..., or for agents new: those to come. HOW OFTEN is a
number, a percentage such as 20%, or always; once if it is left out, and
always for agents and zones.
`;

/** Those of hosts are done here, on the host; all others stand in a table of the region's. */
export async function fault({ port, words }: CommandInput): Promise<number> {
  const [verb = 'help', instanceId, ...surplus] = words;
  if (verb === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (!Object.hasOwn(hostFaults, verb)) return await control(port, 'fault', words);
  const { directory } = runningRegion(port);
  if (!instanceId) throw new Error(`${verb} needs an instance: npm run region -- status names them`);
  if (surplus.length > 0) throw new Error(`what is ${surplus.join(' ')}?`);
  await injectHostFault(networkDirectory(directory), instanceId, verb as keyof typeof hostFaults);
  process.stdout.write(`${verb} ${instanceId}: done\n`);
  return 0;
}
