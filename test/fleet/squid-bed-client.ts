import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BedAnswer, BedRequest } from './squid-bed.ts';

/** A Squid in namespaces of its own; nothing of the machine's network or Squid is touched. */
export interface Bed {
  request(request: BedRequest): Promise<BedAnswer>;
  close(): Promise<void>;
}

/** The host's addresses, in the file that the rendered squid.conf reads. */
const hostAddresses = ['10.255.255.1', '203.0.113.5', 'fd00:5::5'];

const hosts = `
127.0.0.1 localhost
203.0.113.9 www.example.com example.com notexample.com other.org config-generation.invalid
`;

/** Addresses without a listener answer at once with a reset, so that "let in" shows as 503. */
const setUp = `
set -e
for part in etc/squid var/log/squid var/spool/squid run; do mount --bind "$0/$part" "/$part"; done
mount --bind "$0/hosts" /etc/hosts
mount --bind "$0/resolv.conf" /etc/resolv.conf
mount -t tmpfs none /dev/shm
# The machine's authorities, which nobody here asks for, are two thirds of each of Squid's starts.
[[ ! -e /etc/ssl/certs/ca-certificates.crt ]] || mount --bind /dev/null /etc/ssl/certs/ca-certificates.crt
ip link set lo up
ip address add fd00:9::1/128 dev lo nodad
for network in 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 203.0.113.0/24; do
  ip route add local "$network" dev lo
done
# All of IPv6 ends here too, so that whatever gets past the rules is seen.
ip -6 route add local ::/0 dev lo
exec "$1" "$2"
`;

export function openBed(): Bed {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-squid-bed-'));
  for (const part of ['etc/squid/shoal', 'var/log/squid', 'var/spool/squid', 'run/squid']) {
    mkdirSync(join(directory, part), { recursive: true });
    // Squid's workers write as a user of their own, and the mode of mkdir is cut by the umask.
    chmodSync(join(directory, part), 0o777);
  }
  writeFileSync(join(directory, 'hosts'), hosts);
  writeFileSync(join(directory, 'resolv.conf'), 'nameserver 127.0.0.1\n');
  writeFileSync(join(directory, 'etc/squid/shoal/host-addresses'), `${hostAddresses.join('\n')}\n`);
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--ipc', '--uts', '--kill-child'];
  const script = fileURLToPath(new URL('squid-bed.ts', import.meta.url));
  const child = spawn(
    'unshare',
    [...namespaces, '--propagation', 'private', 'bash', '-c', setUp, directory, process.execPath, script],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    request: (request) => exchange(child, answers, request),
    async close() {
      child.stdin!.end();
      child.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function exchange(
  child: ChildProcess,
  answers: AsyncIterator<string>,
  request: BedRequest,
): Promise<BedAnswer> {
  child.stdin!.write(`${JSON.stringify(request)}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error('the namespaces ended before they answered');
  const answer: BedAnswer = JSON.parse(value);
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}
