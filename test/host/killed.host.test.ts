import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { encodeConfig } from '../../shared/fleet/squid-conf.ts';
import { whole } from '../sample.ts';
import {
  type Bed,
  config,
  edited,
  type File,
  killsFirstWorker,
  launchServing,
  onPremises,
  openBed,
  probeUrl,
  type TestHost,
} from './bed.ts';

const good = config();
const better = config({ allowedCidrs: [onPremises, '192.168.0.0/24'] });
const third = config({ allowedCidrs: [onPremises, '192.168.1.0/24'] });
const alone = (file: File) => edited(file, (text) => text.replace('workers 2', 'workers 1'));

let bed: Bed;
beforeAll(async () => {
  bed = await openBed();
});
afterAll(() => bed?.close());

/**
 * Where a run is killed: in place of the first call of `program` whose arguments hold `args`, once `first` has run.
 * Each phase that the script names has a row at least, and a phase a row for each thing that it leaves.
 */
interface Point {
  phase: string;
  what: string;
  program: string;
  args: string;
  first?: string;
  /** What serves then; `before` by default. What Squid makes of a file that kills a worker depends on the moment. */
  serves?: 'before' | 'new' | 'nothing' | 'whatever';
  /** How the file is made that the killed run was given. */
  file?(file: File): File;
  /** What the same file comes to in the next run; `proven` by default. */
  again?: 'restored';
}

/** In `npm test` too; the others in `npm run bench -- whole`. */
const goingBack = ['swapped', 'not restarted', 'unproven', 'proven'];

const done = '"$real" "$@"';
const points: Point[] = [
  { phase: 'lock', what: 'with the lock held', program: 'rm', args: '/dev/shm/shoaltrial' },
  { phase: 'intent', what: 'half noted', program: 'mv', args: '/var/lib/shoal/intent.new' },
  { phase: 'install', what: 'addresses unread', program: 'ip', args: 'addr show' },
  { phase: 'decode', what: 'half staged', program: 'tee', args: '/run/shoal/staged.conf' },
  { phase: 'parse', what: 'not parsed', program: 'squid', args: '-k parse' },
  { phase: 'trial', what: 'not begun', program: 'squid', args: '-n shoaltrial' },
  { phase: 'trial', what: 'under way', program: 'curl', args: '--proxy http://127.0.0.1:2' },
  { phase: 'swap', what: 'half copied', program: 'sync', args: '/etc/squid/shoal/next.conf' },
  { phase: 'swap', what: 'the way back kept', program: 'mv', args: '/etc/squid/shoal/next.conf' },
  { phase: 'swap', what: 'swapped', program: 'mv', args: '/etc/squid/shoal/next.conf', first: done },
  { phase: 'start', what: 'not reconfigured', program: 'squid', args: '-k reconfigure' },
  { phase: 'start', what: 'not restarted', program: 'systemctl', args: 'restart squid', file: alone },
  {
    ...{ phase: 'start', what: 'stopped for the restart', program: 'systemctl', args: 'restart squid' },
    ...{ first: '"$real" stop squid', serves: 'nothing', file: alone },
  },
  { phase: 'proof', what: 'unproven', program: 'curl', args: '--proxy http://127.0.0.1:3128', serves: 'new' },
  { phase: 'proof', what: 'proven', program: 'rm', args: 'shoal/next.conf', serves: 'new' },
  { phase: 'proof', what: 'promoted', program: 'ss', args: '-Htni state established', serves: 'new' },
  {
    ...{ phase: 'restore', what: 'not reconfigured', program: 'mv', args: '/etc/squid/shoal/previous.conf' },
    ...{ first: done, serves: 'whatever', file: killsFirstWorker, again: 'restored' },
  },
];

describe.concurrent('a run that was killed', () => {
  test.each(points)('in $phase, $what, is mended by the same file', async (point) => {
    const host = await launchServing(bed, good, undefined, { probeUrl });
    const { file = (it) => it, again = 'proven', serves = 'before' } = point;
    const given = file(better);

    await killed(host, given, point, '2.1.0');
    const nothing = expect.stringMatching('no answer');
    const expected = { before: good.sha256, new: given.sha256, nothing };
    // A worker that came up again may read another file than the one beside it did.
    expect(await host.serves()).toEqual(serves === 'whatever' ? expect.anything() : [expected[serves]]);
    const second = await host.apply(given, { intent: '2.1.0', probeUrl });
    const stands = again === 'proven' ? given : good;
    expect(second).toMatchObject({ outcome: again, running: stands.sha256, file: stands.sha256 });
    expect(await host.serves()).toEqual([stands.sha256]);
    await expectNothingLeft(host);
  });

  // One of each kind is enough for `npm test`: what it leaves has been seen above.
  test.each(points.filter(({ what }) => whole || goingBack.includes(what)))(
    'in $phase, $what, is mended by going back',
    async (point) => {
      const { file = (it) => it } = point;
      const host = await launchServing(bed, better, undefined, { probeUrl });
      await killed(host, file(third), point, '3.1.0');
      const back = await host.apply(better, { intent: '4.1.0', probeUrl });
      expect(back).toMatchObject({ outcome: 'proven', running: better.sha256, file: better.sha256 });
      expect(await host.serves()).toEqual([better.sha256]);
      await expectNothingLeft(host);
    },
  );

  test('while it installed Squid is mended by the next one', async () => {
    const host = await bed.launch();
    await host.shell(`mkdir /tmp/package && mv /usr/sbin/squid /tmp/package/ && cat >/usr/bin/apt-get <<'END'
#!/bin/bash
mv /tmp/package/squid /usr/sbin/
/usr/sbin/policy-rc.d squid start
[[ $? == 101 ]] || systemctl start squid
END
chmod 755 /usr/bin/apt-get`);
    await killed(host, good, { phase: 'install', what: '', program: 'apt-get', args: 'install' }, '2.1.0');
    expect(await host.apply(good, { intent: '2.1.0' })).toMatchObject({ outcome: 'proven', change: 'start' });
    expect(await host.serves()).toEqual([good.sha256]);
    await expectNothingLeft(host);
  });

  test('before its way back was removed leaves the way back to what it proved', async () => {
    const host = await launchServing(bed, good);
    await killed(host, better, points.find(({ what }) => what === 'proven')!, '3.1.0');
    const report = await host.apply(killsFirstWorker(better), { intent: '4.1.0' });
    expect(report).toMatchObject({ outcome: 'restored', running: better.sha256, file: better.sha256 });
    expect(await host.serves()).toEqual([better.sha256]);
  });

  test('after the swap leaves the way back to the last proven file', async () => {
    const host = await launchServing(bed, good);
    await killed(host, better, points.find(({ what }) => what === 'swapped')!, '3.1.0');
    const report = await host.apply(killsFirstWorker(good), { intent: '4.1.0' });
    expect(report).toMatchObject({ outcome: 'restored', running: good.sha256, file: good.sha256 });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('before it closed a revoked tunnel has it closed by the next one', async () => {
    const host = await launchServing(bed, better, async ({ shell }) => {
      for (const address of ['172.31.0.10', '192.168.0.10'])
        await shell(`ip address add ${address}/32 dev lo`);
    });
    const [stays, goes] = [await host.openTunnel('172.31.0.10'), await host.openTunnel('192.168.0.10')];
    await killed(host, good, points.find(({ what }) => what === 'promoted')!, '3.1.0');
    expect((await host.report({ mode: 'check' })).clients).toContain('192.168.0.10');
    const report = await host.apply(good, { intent: '3.1.0' });
    expect(report).toMatchObject({ outcome: 'proven', change: 'none', closed: 1, tunnels: 'closed' });
    expect([await stays.stillAnswers(), await goes.stillAnswers()]).toEqual([true, false]);
  });

  test("by the agent's time-out is ended with all that it started", async () => {
    const host = await launchServing(bed, good);
    await host.instead('-k reconfigure', 'sleep 60');
    const parameters = { mode: 'apply', file: encodeConfig(better.file), sha256: better.sha256 } as const;
    const result = await host.run({ ...parameters, intent: '1.5.0' }, 5_000);
    expect(result).toMatchObject({ timedOut: true, stdout: '' });
    expect(await host.shell('pgrep -x sleep || true')).toBe('');
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('and told so by a signal says where it was', async () => {
    const host = await launchServing(bed, good);
    await host.instead('-k parse', 'kill $(pgrep -f /run/shoal-region/); sleep 1');
    const report = await host.apply(better);
    expect(report).toMatchObject({ outcome: 'unable', phase: 'parse', running: good.sha256 });
    expect(await host.serves()).toEqual([good.sha256]);
  });
});

/** Runs apply and kills all of its processes at the point, as the agent does when the time-out is over. */
async function killed(host: TestHost, { file, sha256 }: File, point: Point, intent: string): Promise<void> {
  const { program, args, first = '' } = point;
  const stub = `/usr/local/sbin/${program}`;
  await host.shell(`cat >${stub} <<'END'
#!/bin/bash
real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v ${program})
[[ " $* " == *'${args}'* ]] || exec "$real" "$@"
/bin/rm ${stub}
${first}
pkill -KILL -s 0
sleep 60
END
chmod 755 ${stub}`);
  const result = await host.run({ mode: 'apply', file: encodeConfig(file), sha256, intent, probeUrl });
  expect(result).toMatchObject({ exitCode: 137, stdout: '' });
  // The point was reached, and nothing of the run goes on. What is killed takes a moment to be gone.
  const look = () => host.shell(`ls ${stub} 2>&1 || true; pgrep -f [/]run/shoal-region/ || true`);
  await vi.waitFor(async () => expect(await look()).toMatch(/^ls: .*No such file.*$/), {
    timeout: 10_000,
    interval: 100,
  });
}

/** A trial that has been told to end takes a moment for it. */
async function expectNothingLeft(host: TestHost): Promise<void> {
  const left = `ls /etc/squid/shoal; ls /dev/shm | grep shoaltrial; pgrep -f 'squid [-]N'; ls /usr/sbin/policy-rc.d`;
  const look = () => host.shell(`{ ${left}; } 2>/dev/null || true`);
  await vi.waitFor(async () => expect(await look()).toBe('host-addresses'), {
    timeout: 20_000,
    interval: 250,
  });
}
