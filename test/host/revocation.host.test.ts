import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bed, config, launchServing, onPremises, openBed, type TestHost } from './bed.ts';

const [staying, going, alsoGoing] = ['172.31.0.10', '192.168.0.10', '192.168.0.11'] as const;
const wide = config({ allowedCidrs: [onPremises, '192.168.0.0/24'] });
const narrow = config();

let bed: Bed;
beforeAll(async () => {
  bed = await openBed();
});
afterAll(() => bed?.close());

describe.concurrent('a network that goes', () => {
  test('takes the tunnels that were kept with it when nothing else changes', async () => {
    const host = await launchServing(bed, wide, addresses);
    const [stays, goes] = [await host.openTunnel(staying), await host.openTunnel(going)];
    const kept = await host.apply(narrow, { revoke: 'keep' });
    expect([kept.closed, kept.tunnels]).toEqual([undefined, undefined]);
    expect(await connected(host)).toEqual([staying, going]);
    const report = await host.apply(narrow, { revoke: 'disconnect' });
    expect(report).toMatchObject({ outcome: 'proven', change: 'none', closed: 1, tunnels: 'closed' });
    expect([await stays.stillAnswers(), await goes.stillAnswers()]).toEqual([true, false]);
  });

  test('takes its tunnels with the next run where the kernel refused', async () => {
    const host = await launchServing(bed, wide, addresses);
    const [stays, goes] = [await host.openTunnel(staying), await host.openTunnel(going)];
    await whenClosing(host, 'exec setpriv --bounding-set -net_admin /usr/bin/ss "$@"');
    const report = await host.apply(narrow);
    expect(report).toMatchObject({ outcome: 'proven', running: narrow.sha256, closed: 0, tunnels: 'kept' });
    expect(await connected(host)).toEqual([staying, going]);
    await host.shell('rm /usr/local/sbin/ss');
    expect(await host.apply(narrow)).toMatchObject({ change: 'none', closed: 1, tunnels: 'closed' });
    expect([await stays.stillAnswers(), await goes.stillAnswers()]).toEqual([true, false]);
  });

  test('is said to have kept tunnels when one of two was closed', async () => {
    const host = await launchServing(bed, wide, addresses);
    await hold(host, [staying, going, alsoGoing]);
    await whenClosing(host, `exec /usr/bin/ss "\${@:1:$#-1}" "( \${!#} ) and dst ${going}"`);
    expect(await host.apply(narrow)).toMatchObject({ outcome: 'proven', closed: 1, tunnels: 'kept' });
    expect(await connected(host)).toEqual([staying, alsoGoing]);
  });

  test('takes more connections than one call can name', async () => {
    const host = await launchServing(bed, wide, addresses);
    await hold(host, [staying, ...Array<string>(4_000).fill(going)]);
    expect(await host.apply(narrow)).toMatchObject({ closed: 4_000, tunnels: 'closed' });
    expect(await connected(host)).toEqual([staying]);
  });

  test('takes its clients whatever IPv6 ones are connected', async () => {
    const host = await launchServing(bed, wide, addresses);
    await hold(host, [staying, going, 'fd00::10']);
    expect(await host.apply(narrow)).toMatchObject({ closed: 2, tunnels: 'closed' });
    expect(await connected(host)).toEqual([staying]);
  });

  test('leaves the single address beside it alone', async () => {
    const host = await launchServing(bed, config({ allowedCidrs: ['192.168.0.10/31'] }), addresses);
    await hold(host, [going, alsoGoing]);
    const alone = config({ allowedCidrs: ['192.168.0.10/32'] });
    expect(await host.apply(alone)).toMatchObject({ closed: 1, tunnels: 'closed' });
    expect(await connected(host)).toEqual([going]);
  });
});

describe.concurrent('a check', () => {
  test('names the clients that are connected, each once', async () => {
    const host = await launchServing(bed, wide, addresses);
    expect(await host.report({ mode: 'check' })).toMatchObject({ clients: [], clientsTotal: 0 });
    await hold(host, [staying, going, going, '127.0.0.1', 'fd00::10']);
    // As a balancer's health check does.
    await hold(host, [alsoGoing], '');
    const report = await host.report({ mode: 'check' });
    expect(report).toMatchObject({ outcome: 'proven', clientsTotal: 3 });
    expect(report.clients?.sort()).toEqual([staying, going, 'fd00::10']);
    // Asking who is connected begins no drain.
    expect(await host.shell('ls /var/lib/shoal')).not.toContain('draining-since');
  });

  test('names as many as fit beside the longest reason', async () => {
    const many = Array.from({ length: 240 }, (_, index) => `192.168.100.${10 + index}`);
    const host = await launchServing(bed, wide, (it) => addresses(it, many));
    await host.kill();
    await host.shell(`perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(LocalPort => 3128, Listen => 300, ReuseAddr => 1) or die;
      fork and exit; $0 = "\\"" x 400; sleep 600' >/dev/null 2>&1`);
    await hold(host, many);
    const report = await host.report({ mode: 'check' });
    expect(report).toMatchObject({ outcome: 'unproven', clientsTotal: 240 });
    expect(report.reason).toHaveLength(300);
    expect(report.clients?.length).toBeGreaterThan(160);
    expect(many).toEqual(expect.arrayContaining(report.clients ?? []));
  });
});

async function addresses(host: TestHost, more: string[] = []): Promise<void> {
  const all = [staying, going, alsoGoing, ...more].map((it) => `ip address add ${it}/32 dev lo`);
  await host.shell([...all, 'ip address add fd00::10/128 dev lo nodad'].join('\n'));
}

/** Opens a connection from each of the addresses, sends these first bytes of a request, and keeps it for a minute. */
async function hold(host: TestHost, from: string[], bytes = 'G'): Promise<void> {
  await host.shell(`ulimit -n 8000; perl -MIO::Socket::IP -e '
    my $bytes = shift;
    for my $from (@ARGV) {
      my $proxy = $from =~ /:/ ? "::1" : $from eq "127.0.0.1" ? $from : "${host.address}";
      my $s = IO::Socket::IP->new(LocalHost => $from, PeerHost => $proxy, PeerPort => 3128) or die "$from: $!";
      $s->autoflush and print $s $bytes;
      push @kept, $s;
    }
    fork and exit; sleep 600' '${bytes}' ${from.join(' ')} >/dev/null 2>/tmp/hold`);
}

/** The clients that still have a connection which has carried something, in order. */
async function connected(host: TestHost): Promise<string[]> {
  const { clients = [] } = await host.report({ mode: 'check' });
  return clients.sort();
}

/** Runs a command in place of the `ss` that is to close connections. */
async function whenClosing(host: TestHost, command: string): Promise<void> {
  await host.shell(`cat >/usr/local/sbin/ss <<'END'
#!/bin/bash
[[ $1 == *K* ]] || exec /usr/bin/ss "$@"
${command}
END
chmod 755 /usr/local/sbin/ss`);
}
