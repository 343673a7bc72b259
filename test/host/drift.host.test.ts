import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Bed, config, launchServing, openBed, probeUrl, type TestHost } from './bed.ts';

const good = config();
const check = { mode: 'check', probeUrl } as const;

let bed: Bed;
beforeAll(async () => {
  bed = await openBed();
});
afterAll(() => bed?.close());

interface Accident {
  what: string;
  happens(host: TestHost): Promise<unknown>;
  says: string;
  /** How the same file puts it right. */
  change: 'start' | 'reconfigure' | 'restart';
}

const accidents: Accident[] = [
  {
    what: 'whose Squid was killed',
    happens: (host) => host.kill(),
    says: 'no Squid runs',
    change: 'start',
  },
  {
    what: 'whose file was edited by hand',
    happens: (host) => host.shell('sleep 1; echo "http_access allow all" >>/etc/squid/squid.conf'),
    says: '/etc/squid/squid.conf is not the file that was applied, and Squid has not read it',
    change: 'reconfigure',
  },
  {
    what: 'whose file was edited and reloaded by hand',
    happens: (host) =>
      host.shell(`sed -i '1i http_access allow all' /etc/squid/squid.conf; squid -k reconfigure; sleep 1`),
    says: '/etc/squid/squid.conf is not the file that was applied, and Squid has read it',
    change: 'reconfigure',
  },
  {
    what: 'whose Squid was given another file',
    happens: (host) =>
      host.shell(
        `sed 's/^http_port 3128/http_port 3129/' /etc/squid/squid.conf >/tmp/other; cp /tmp/other /etc/squid/squid.conf; systemctl restart squid`,
      ),
    says: '/etc/squid/squid.conf is not the file that was applied, and Squid has read it',
    change: 'restart',
  },
  {
    what: 'whose root volume was replaced',
    async happens(host) {
      await host.kill();
      await host.shell(`rm -rf /var/lib/shoal /etc/squid/shoal /run/shoal
        echo 'http_port 3128' >/etc/squid/squid.conf`);
    },
    says: 'no Squid runs',
    change: 'start',
  },
];

describe.concurrent('a host in service', () => {
  test.each(accidents)('$what is told apart and put right', async ({ happens, says, change }) => {
    const host = await launchServing(bed, good);
    await happens(host);
    expect(await host.report(check)).toMatchObject({ outcome: 'unproven', reason: says });
    expect(await host.apply(good, { probeUrl })).toMatchObject({ outcome: 'proven', change });
    expect(await host.report(check)).toMatchObject({ outcome: 'proven', running: good.sha256 });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('whose file was edited by hand names the first lines that differ', async () => {
    const host = await launchServing(bed, good);
    await host.shell(`sed -i '/^workers /d' /etc/squid/squid.conf
      printf '# \\e[2J%s\\n' ${'x'.repeat(200)} "\\"quoted\\"" 3 4 >>/etc/squid/squid.conf`);
    const { differs = '' } = await host.report(check);
    expect(Buffer.from(differs, 'base64').toString()).toBe(
      `< workers 2\n> # \x1b[2J${'x'.repeat(91)}\n> # \x1b[2J"quoted"\n`,
    );
    await host.apply(good);
    expect((await host.report(check)).differs).toBeUndefined();
  });

  test('whose /run/squid was removed takes another file all the same', async () => {
    const host = await launchServing(bed, good);
    await host.shell('rm -r /run/squid');
    const other = config({ allowedCidrs: ['172.31.0.0/24', '192.168.0.0/24'] });
    expect(await host.apply(other)).toMatchObject({ outcome: 'proven', change: 'restart' });
    expect(await host.serves()).toEqual([other.sha256]);
  });

  test('whose worker was killed is put right by Squid itself', async () => {
    const host = await launchServing(bed, good);
    const master = await host.squidPid();
    await host.shell(`kill -9 $(pgrep -f '^\\(squid-1\\)')`);
    await vi.waitFor(
      async () => expect(await host.report(check)).toMatchObject({ outcome: 'proven' }),
      20_000,
    );
    expect(await host.squidPid()).toBe(master);
  });

  test('whose port somebody else took is named, and put right once that has gone', async () => {
    const host = await launchServing(bed, good);
    await host.kill();
    await host.shell(`perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(LocalPort => 3128, Listen => 9, ReuseAddr => 1); fork and exit; sleep 60' >/dev/null 2>&1`);
    const report = await host.report(check);
    expect(report).toMatchObject({ outcome: 'unproven' });
    expect(report.reason).toMatch(/^port 3128 is held by another process: perl/);
    expect(await host.apply(good, { probeUrl })).toMatchObject({ outcome: 'unable', phase: 'swap' });
    await host.shell('kill $(pgrep -x perl)');
    expect(await host.apply(good, { probeUrl })).toMatchObject({ outcome: 'proven', change: 'start' });
  });
});
