import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeConfig } from '../../shared/fleet/squid-conf.ts';
import {
  type Bed,
  config,
  type File,
  killsFirstWorker,
  launchServing,
  onPremises,
  openBed,
  type TestHost,
} from './bed.ts';

const good = config();
const better = config({ allowedCidrs: [onPremises, '192.168.0.0/24'] });

let bed: Bed;
beforeAll(async () => {
  bed = await openBed();
});
afterAll(() => bed?.close());

describe.concurrent('a run that was killed', () => {
  /** Killed by the agent's time-out right after the swap, when Squid has read nothing yet. */
  async function killedAfterSwap(file: File): Promise<TestHost> {
    const host = await launchServing(bed, good);
    await host.instead('-k reconfigure', 'sleep 60');
    const result = await host.run(
      { mode: 'apply', file: encodeConfig(file.file), sha256: file.sha256, intent: '1.5.0' },
      1_500,
    );
    expect(result.timedOut).toBe(true);
    expect(await host.shell('grep -c allowed_src /etc/squid/squid.conf')).not.toBe('');
    return host;
  }

  test('is mended by the same file', async () => {
    const host = await killedAfterSwap(better);
    expect(await host.serves()).toEqual([good.sha256]);
    expect(await host.apply(better, { intent: '1.5.0' })).toMatchObject({
      outcome: 'proven',
      running: better.sha256,
    });
    expect(await host.serves()).toEqual([better.sha256]);
  });

  test('is mended by going back', async () => {
    const host = await killedAfterSwap(better);
    expect(await host.apply(good, { intent: '1.6.0' })).toMatchObject({
      outcome: 'proven',
      file: good.sha256,
    });
    expect(await host.serves()).toEqual([good.sha256]);
  });

  test('leaves the way back to the last proven file', async () => {
    const host = await killedAfterSwap(better);
    const report = await host.apply(killsFirstWorker(good), { intent: '1.6.0' });
    expect(report).toMatchObject({ outcome: 'restored', running: good.sha256, file: good.sha256 });
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
