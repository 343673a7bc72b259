import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeConfig } from '../../shared/fleet/squid-conf.ts';
import {
  type Bed,
  config,
  edited,
  killsFirstWorker,
  launchServing,
  onPremises,
  openBed,
  probeUrl,
  type TestHost,
} from './bed.ts';

/** A host that serves `good` is met with a file or a world that is wrong, and serves `good` afterwards. */
const good = config();
const better = config({ allowedCidrs: [onPremises, '192.168.0.0/24'] });

let bed: Bed;
beforeAll(async () => {
  bed = await openBed();
});
afterAll(() => bed?.close());

describe.concurrent('a wrong file', () => {
  const corrupt = encodeConfig(better.file).replace(/^(.{100})./, (_, kept) => `${kept}${'+'}`);
  const truncated = encodeConfig(better.file).slice(0, 400);
  const noEnd = edited(better, (file) => file.replace('# shoal end\n', ''));
  test.each([
    ['is corrupt', better, { file: corrupt }, 'decode', /corrupt/],
    ['is truncated', better, { file: truncated }, 'decode', /corrupt or truncated/],
    [
      'has another hash than announced',
      better,
      { sha256: good.sha256 },
      'decode',
      /its sha256 is [0-9a-f]{64}/,
    ],
    ['has lost its end', noEnd, {}, 'decode', /not whole/],
    ['listens on another port', config({ port: 3129 }), {}, 'decode', /does not listen on port 3128/],
    [
      'fails to parse',
      edited(better, (file) => file.replace('\nworkers', '\nworkerz')),
      {},
      'parse',
      /workerz/,
    ],
    [
      'lists a narrow network before the wide one',
      edited(better, (file) =>
        file.replace('acl allowed_src', 'acl allowed_src src 172.31.0.0/28\nacl allowed_src'),
      ),
      {},
      'parse',
      /subnetwork|ignored/,
    ],
    [
      'misspells an action',
      edited(better, (file) => file.replace('http_access deny all', 'http_access dney all')),
      {},
      'parse',
      /./,
    ],
    [
      'names an empty list',
      edited(better, (file) => file.replace('shoal/host-addresses', 'shoal/none')),
      {},
      'parse',
      /./,
    ],
    [
      'lets metadata through',
      edited(better, (file) => file.replace('http_access deny refused_always by_always\n', '')),
      {},
      'trial',
      /metadata/,
    ],
  ] as const)('that %s changes nothing', async (_, file, parameters, phase, reason) => {
    const host = await launchServing(bed, good);
    const pid = await host.squidPid();
    const report = await host.apply(file, parameters);
    expect(report).toMatchObject({ outcome: 'rejected', phase, running: good.sha256, file: good.sha256 });
    expect(report.reason).toMatch(reason);
    expect(await host.serves()).toEqual([good.sha256]);
    expect(await host.squidPid()).toBe(pid);
  });

  test('that parses and cannot run is found by the trial, and no tunnel is lost', async () => {
    const host = await launchServing(bed, good);
    const pid = await host.squidPid();
    const tunnel = await host.openTunnel();
    const report = await host.apply(
      edited(better, (file) => file.replace('/var/log/squid/access.log', '/nowhere/access.log')),
    );
    expect(report).toMatchObject({ outcome: 'rejected', phase: 'trial', running: good.sha256 });
    expect(report.reason).toMatch(/FATAL.*\/nowhere\/access\.log/);
    expect(await tunnel.stillAnswers()).toBe(true);
    expect(await host.serves()).toEqual([good.sha256]);
    expect(await host.squidPid()).toBe(pid);
  });

  test('that passes the trial and kills Squid on reconfigure is taken back', async () => {
    const host = await launchServing(bed, good);
    const report = await host.apply(killsFirstWorker(better));
    expect(report).toMatchObject({
      outcome: 'restored',
      phase: 'restore',
      running: good.sha256,
      file: good.sha256,
    });
    expect(report.reason).not.toBe('');
    expect(await host.serves()).toEqual([good.sha256]);
    expect(await host.shell('ls /etc/squid/shoal')).toBe('host-addresses');
  });

  test('that cannot start leaves a dead Squid with the file it had, started', async () => {
    const host = await launchServing(bed, good);
    await host.kill();
    const report = await host.apply(killsFirstWorker(better));
    expect(report).toMatchObject({ outcome: 'restored', running: good.sha256, serving: true });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('that cannot start on a new host leaves nothing serving', async () => {
    const host = await bed.launch();
    const report = await host.apply(killsFirstWorker(better));
    expect(report).toMatchObject({ outcome: 'failed', phase: 'start', running: null, serving: false });
    expect(await host.shell('ss -Hltn "sport = :3128"')).toBe('');
  });
});

describe.concurrent('a host in the way', () => {
  test('with a full disk keeps what it serves, and takes the file later', async () => {
    const host = await launchServing(bed, good, ownFileSystem);
    await host.shell('dd if=/dev/zero of=/etc/squid/filler bs=1k 2>/dev/null || true');
    const report = await host.apply(better);
    expect(report).toMatchObject({
      outcome: 'unable',
      phase: 'swap',
      running: good.sha256,
      file: good.sha256,
    });
    expect(report.reason).toMatch(/No space left on device/);
    expect(await host.serves()).toEqual([good.sha256]);
    expect(await host.apply(good)).toMatchObject({ outcome: 'proven', change: 'none' });
    await host.shell('rm /etc/squid/filler');
    expect(await host.apply(better)).toMatchObject({ outcome: 'proven' });
  });

  test('whose disk is full goes back all the same', async () => {
    const host = await launchServing(bed, good, ownFileSystem);
    await host.instead('-k reconfigure', 'dd if=/dev/zero of=/etc/squid/filler bs=1k');
    expect(await host.apply(killsFirstWorker(better))).toMatchObject({
      outcome: 'restored',
      running: good.sha256,
    });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('that cannot note the intent changes nothing', async () => {
    const host = await launchServing(bed, good);
    await host.shell('mount -t tmpfs -o ro tmpfs /var/lib/shoal');
    expect(await host.apply(better)).toMatchObject({
      outcome: 'unable',
      phase: 'intent',
      running: good.sha256,
    });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('with a read-only directory keeps what it serves', async () => {
    const host = await launchServing(bed, good, ownFileSystem);
    await host.shell('mount -o remount,ro /etc/squid');
    const report = await host.apply(better);
    expect(report).toMatchObject({ outcome: 'unable', running: good.sha256, file: good.sha256 });
    expect(report.reason).toMatch(/Read-only file system/);
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('with another process on the port is named, and served once it has gone', async () => {
    const host = await bed.launch();
    await host.shell(`perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(LocalPort => 3128, Listen => 9); fork and exit; sleep 60' >/dev/null 2>&1`);
    const report = await host.apply(good);
    expect(report).toMatchObject({ outcome: 'unable', serving: false, running: null, file: null });
    expect(report.reason).toMatch(/port 3128 is held by another process: perl/);
    await host.shell('kill $(pgrep -x perl)');
    expect(await host.apply(good)).toMatchObject({ outcome: 'proven', change: 'start' });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('whose Squid was dead serves again', async () => {
    const host = await launchServing(bed, good);
    await host.kill();
    expect(await host.report({ mode: 'check' })).toMatchObject({ outcome: 'unproven', serving: false });
    expect(await host.apply(good)).toMatchObject({ outcome: 'proven', change: 'start' });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('where one worker alone took the new file goes back', async () => {
    const host = await launchServing(bed, good);
    await host.instead('-k reconfigure', 'kill -HUP $(pgrep -f "^.squid-2."); exit 0');
    const report = await host.apply(better);
    expect(report).toMatchObject({ outcome: 'restored', running: good.sha256, file: good.sha256 });
    expect(report.reason).toMatch(/not every one of 2 workers took the file/);
    expect(await host.serves()).toEqual([good.sha256]);
  });
});

describe.concurrent('two runs', () => {
  test('at once end with the higher intent', async () => {
    const host = await launchServing(bed, good);
    const [low, high] = await Promise.all([
      host.apply(better, { intent: '2.1.0' }),
      host.apply(config({ allowedCidrs: ['192.168.7.0/24'] }), { intent: '2.1.1' }),
    ]);
    expect(high).toMatchObject({ outcome: 'proven' });
    expect(['proven', 'superseded']).toContain(low.outcome);
    expect(await host.serves()).toEqual([high.running]);
  });

  test('do not wait for each other for ever', async () => {
    const host = await launchServing(bed, good);
    const held = host.shell('flock /run/shoal/lock sleep 23');
    await host.shell('while flock -n /run/shoal/lock true; do sleep 0.05; done');
    const report = host.apply(better);
    expect(await host.report({ mode: 'check', probeUrl })).toMatchObject({
      outcome: 'proven',
      running: good.sha256,
    });
    expect(await host.report({ mode: 'connections' })).toMatchObject({ outcome: 'proven', connections: 0 });
    expect(await report).toMatchObject({ outcome: 'busy', phase: 'lock', running: good.sha256 });
    await held;
  });

  test('one after another: the lower intent is refused', async () => {
    const host = await launchServing(bed, good, undefined, { intent: '3.9.1' });
    expect(await host.apply(better, { intent: '3.9.0' })).toMatchObject({ outcome: 'superseded' });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test.each([
    ['3.10.0', '3.9.1', 'superseded'],
    ['4.1.0', '3.99.1', 'superseded'],
    ['3.9.0', '3.9.0', 'proven'],
    ['3.9.1', '3.10.0', 'proven'],
  ])('of intents %s and then %s: the second is %s', async (first, second, outcome) => {
    const host = await launchServing(bed, good, undefined, { intent: first });
    const report = await host.apply(better, { intent: second });
    expect(report).toMatchObject({ outcome, intent: outcome === 'proven' ? second : first });
    expect(await host.serves()).toEqual([outcome === 'proven' ? better.sha256 : good.sha256]);
  });
});

/** Gives /etc/squid a small file system of its own. */
async function ownFileSystem(host: TestHost): Promise<void> {
  await host.shell(`cp -a /etc/squid /tmp/kept && mount -t tmpfs -o size=1m tmpfs /etc/squid &&
    cp -a /tmp/kept/. /etc/squid`);
}
