import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bed, config, edited, launchServing, onPremises, openBed, probeUrl } from './bed.ts';

const probed = { probeUrl };
const first = config();
const second = config({ allowedCidrs: [onPremises, '192.168.0.0/24'] });

let bed: Bed;
beforeAll(async () => {
  bed = await openBed();
});
afterAll(() => bed?.close());

describe.concurrent('bringing Squid to a file', () => {
  test('starts it on a new host, to come up again after a reboot', async () => {
    const host = await bed.launch();
    await host.shell(`mkdir -p /etc/systemd/system/squid.service.d
      printf '[Service]\nLimitNOFILE=16384\n' >/etc/systemd/system/squid.service.d/10-low.conf`);
    const report = await host.apply(first, probed);
    expect(report).toMatchObject({
      outcome: 'proven',
      phase: 'done',
      change: 'start',
      probe: 'ok',
      reason: '',
    });
    expect(report).toMatchObject({
      running: first.sha256,
      file: first.sha256,
      intent: '1.1.0',
      squid: '5.7',
    });
    expect(await host.serves()).toEqual([first.sha256]);
    expect(await host.shell('systemctl is-enabled squid')).toBe('enabled');
    expect(await host.shell('systemctl show -p LimitNOFILE squid')).toBe('LimitNOFILE=65536');
  });

  test('does nothing when every worker runs it already', async () => {
    const host = await launchServing(bed, first);
    const before = await host.shell('stat -c %i-%Y /etc/squid/squid.conf; cat /run/squid.pid');
    expect(await host.apply(first, probed)).toMatchObject({ outcome: 'proven', change: 'none', probe: 'ok' });
    expect(await host.shell('stat -c %i-%Y /etc/squid/squid.conf; cat /run/squid.pid')).toBe(before);
  });

  test('says since when it is proven on what it runs', async () => {
    const host = await bed.launch();
    expect((await host.report({ mode: 'check' })).provenSince).toBeUndefined();
    const { provenSince = 0 } = await host.apply(first);
    expect(Math.abs(provenSince - Date.now() / 1000)).toBeLessThan(60);
    await host.shell(`until (($(date +%s) > ${provenSince + 1})); do sleep 0.1; done`);
    expect(await host.apply(first)).toMatchObject({ change: 'none', provenSince });
    expect(await host.report({ mode: 'check' })).toMatchObject({ outcome: 'proven', provenSince });
    expect((await host.apply(second)).provenSince).toBeGreaterThan(provenSince + 1);
  });

  test('reconfigures it without losing a tunnel', async () => {
    const host = await launchServing(bed, first);
    const pid = await host.squidPid();
    const tunnel = await host.openTunnel();
    expect(await host.apply(second, probed)).toMatchObject({ outcome: 'proven', change: 'reconfigure' });
    expect(await host.serves()).toEqual([second.sha256]);
    expect(await host.squidPid()).toBe(pid);
    expect(await tunnel.stillAnswers()).toBe(true);
    expect(await host.shell('ls /etc/squid/shoal')).toBe('host-addresses');
  });

  test("restarts a Squid that runs the distribution's file", async () => {
    const host = await bed.launch();
    await host.shell('echo "shutdown_lifetime 1 seconds" >>/etc/squid/squid.conf; systemctl start squid');
    expect(await host.report({ mode: 'check' })).toMatchObject({
      outcome: 'unproven',
      serving: true,
      running: null,
    });
    expect(await host.apply(first, probed)).toMatchObject({ outcome: 'proven', change: 'restart' });
    expect(await host.serves()).toEqual([first.sha256]);
  });

  test('restarts it for another port', async () => {
    const host = await launchServing(bed, first);
    const moved = config({ port: 3129 });
    expect(await host.apply(moved, { ...probed, port: '3129' })).toMatchObject({
      outcome: 'proven',
      change: 'restart',
    });
    expect(await host.serves(3129)).toEqual([moved.sha256]);
    expect(await host.shell('ss -Hltn "sport = :3128"')).toBe('');
  });

  test('restarts it for another number of workers', async () => {
    const host = await launchServing(bed, first);
    const alone = edited(first, (file) => file.replace('workers 2', 'workers 1'));
    expect(await host.apply(alone, probed)).toMatchObject({ outcome: 'proven', change: 'restart' });
    expect(await host.serves()).toEqual([alone.sha256]);
    expect(await host.apply(first, probed)).toMatchObject({ outcome: 'proven', change: 'restart' });
  });

  test('installs it, not started before its file is there', async () => {
    const host = await bed.launch();
    // A package manager whose package brings the machine's Squid, and starts it unless forbidden.
    await host.shell(`rm -f /usr/sbin/policy-rc.d; mkdir /tmp/package && mv /usr/sbin/squid /tmp/package/ && cat >/usr/local/sbin/apt-get <<'END'
#!/bin/bash
echo "Setting up squid ..."
echo "trouble" >&2
mv /tmp/package/squid /usr/sbin/
/usr/sbin/policy-rc.d squid start
[[ $? == 101 ]] || systemctl start squid
END
chmod 755 /usr/local/sbin/apt-get`);
    expect(await host.apply(first, probed)).toMatchObject({ outcome: 'proven', change: 'start' });
    expect(await host.serves()).toEqual([first.sha256]);
    expect(await host.shell('ls /usr/sbin/policy-rc.d 2>&1 || true')).toMatch(/No such file/);
  });

  test("that cannot be installed is the host's fault", async () => {
    const host = await bed.launch();
    await host.shell(`rm /usr/sbin/squid; cat >/usr/local/sbin/apt-get <<'END'
#!/bin/sh
echo 'E: no "route"' >&2
exit 100
END
chmod 755 /usr/local/sbin/apt-get`);
    const report = await host.apply(first);
    expect(report).toMatchObject({ outcome: 'unable', phase: 'install', serving: false, running: null });
    expect(report.reason).toMatch(/E: no "route"/);
  });
});

test('a trial that ends without a word is rejected with a reason', async () => {
  const host = await launchServing(bed, first);
  await host.instead('-N', 'exit 1');
  const report = await host.apply(second);
  expect(report).toMatchObject({ outcome: 'rejected', phase: 'trial', running: first.sha256 });
  expect(report.reason).toMatch(/does not serve: it says nothing, and has ended$/);
});

describe.concurrent('the probe', () => {
  const elsewhere = 'https://s4.ap-northeast-1.amazonaws.com/';

  test('that fails by the file alone rejects it', async () => {
    const host = await launchServing(bed, first, undefined, probed);
    const report = await host.apply(config({ allowedDomains: ['.example.com'] }), probed);
    expect(report).toMatchObject({
      outcome: 'rejected',
      phase: 'trial',
      probe: 'failed',
      running: first.sha256,
    });
    expect(report.reason).toMatch(/ERR_ACCESS_DENIED/);
    expect(report.probeFailedBefore).toBeUndefined();
    expect(await host.serves()).toEqual([first.sha256]);
  });

  test('that failed before as well is no verdict', async () => {
    const host = await launchServing(bed, first, undefined, probed);
    const report = await host.apply(second, { probeUrl: elsewhere });
    expect(report).toMatchObject({ outcome: 'proven', probe: 'failed', probeFailedBefore: true });
    expect(await host.apply(second, { probeUrl: elsewhere })).toMatchObject({
      ...report,
      change: 'none',
      intent: '1.3.0',
      ms: {},
    });
    expect(await host.serves()).toEqual([second.sha256]);
  });

  test('that fails on a new host leaves it unproven until it answers', async () => {
    const host = await bed.launch();
    const failed = {
      outcome: 'failed',
      phase: 'proof',
      probe: 'failed',
      running: first.sha256,
      serving: true,
    };
    expect(await host.apply(first, { probeUrl: elsewhere })).toMatchObject(failed);
    expect(await host.apply(first, { probeUrl: elsewhere })).toMatchObject({ ...failed, change: 'none' });
    expect(await host.apply(first, probed)).toMatchObject({ outcome: 'proven', probe: 'ok', change: 'none' });
  });

  test('is asked by a check, which changes nothing', async () => {
    const host = await launchServing(bed, first, undefined, probed);
    expect(await host.report({ mode: 'check', ...probed })).toMatchObject({ outcome: 'proven', probe: 'ok' });
    expect(await host.report({ mode: 'check', probeUrl: elsewhere })).toMatchObject({
      outcome: 'unproven',
      probe: 'failed',
    });
  });
});

describe.concurrent('clients', () => {
  const [staying, going] = ['172.31.0.10', '192.168.0.10'];
  const addresses = async (host: { shell(command: string): Promise<string> }) => {
    for (const address of [staying, going]) await host.shell(`ip address add ${address}/32 dev lo`);
  };

  test('of a network that was removed lose their tunnels, others keep them', async () => {
    const host = await launchServing(bed, second, addresses);
    const [stays, goes] = [await host.openTunnel(staying), await host.openTunnel(going)];
    const report = await host.apply(first, { revoke: 'disconnect' });
    expect(report).toMatchObject({ outcome: 'proven', change: 'reconfigure', closed: 1, tunnels: 'closed' });
    expect(await stays.stillAnswers()).toBe(true);
    expect(await goes.stillAnswers()).toBe(false);
  });

  test('of a network that was removed keep their tunnels where that is wished', async () => {
    const host = await launchServing(bed, second, addresses);
    const goes = await host.openTunnel(going);
    expect((await host.apply(first, { revoke: 'keep' })).closed).toBeUndefined();
    expect(await goes.stillAnswers()).toBe(true);
    expect(await host.apply(first, { revoke: 'disconnect' })).toMatchObject({ change: 'none', closed: 0 });
  });

  test('are counted, health checks are not, and the first count is remembered', async () => {
    const host = await launchServing(bed, second, addresses);
    await host.openTunnel(staying);
    await host.openTunnel(going);
    await host.shell('{ exec 5<>/dev/tcp/127.0.0.1/3128; setsid sleep 30 & } >/dev/null 2>&1');
    await host.shell(`perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(LocalAddr => "${staying}", PeerAddr => "${host.address}:3128"); fork and exit; sleep 30' >/dev/null 2>&1`);
    const report = await host.report({ mode: 'connections' });
    expect(report).toMatchObject({ outcome: 'proven', connections: 2, running: second.sha256 });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await host.report({ mode: 'connections' })).drainingSince).toBe(report.drainingSince);
    await host.apply(second);
    expect((await host.report({ mode: 'connections' })).drainingSince).toBeGreaterThan(report.drainingSince!);
  });

  test("do not reach the host's own addresses, nor one that is added", async () => {
    const host = await launchServing(bed, config({ privateDestinations: ['10.0.0.0/8'] }));
    const fetch = (address: string) =>
      host.shell(
        `curl -s -o /dev/null -w '%{http_code}' --max-time 5 -x http://127.0.0.1:3128 http://${address}/ || true`,
      );
    expect(await fetch(host.address)).toBe('403');
    await host.shell('ip address add 10.9.9.9/32 dev lo');
    expect(await fetch('10.9.9.9')).toBe('503');
    const check = await host.report({ mode: 'check' });
    expect(check).toMatchObject({ outcome: 'unproven', reason: expect.stringMatching(/host addresses/) });
    const again = await host.apply(config({ privateDestinations: ['10.0.0.0/8'] }));
    expect(again).toMatchObject({ outcome: 'proven', change: 'reconfigure' });
    expect(await fetch('10.9.9.9')).toBe('403');
  });
});
