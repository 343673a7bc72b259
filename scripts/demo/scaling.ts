import { defaultClientAddress as headquarters } from '../../region/network/client.ts';
import { isReady } from '../../region/overview.ts';
import { arrival, describe, expectFetch } from './proofs.ts';
import { prove, type Stage, type Step } from './stage.ts';

/** One through each of three instances, at so many KiB a second. */
const downloads = (
  kibibytes: number,
) => `curl -sZ --parallel-immediate --limit-rate ${kibibytes}k --max-time 100 \\
  -w 'HTTP %{http_code}, %{size_download} bytes\\n' \\
  -o /dev/null 2>/dev/null \\
  'https://s3.ap-northeast-1.amazonaws.com/squid-test-bucket/big.bin?[1-3]'`;
const size = 67_108_864;
const wholeDownload = `HTTP 200, ${size} bytes`;

export const scale: Step = {
  name: 'scale',
  title: 'The fleet scales out by one',
  text: 'The new instance comes in on what is live, by the same way.',
  async play(stage) {
    const { instances, desiredCapacity } = await stage.overview();
    const wanted = await resize(stage, desiredCapacity + 1);
    await arrival(stage, wanted, new Set(instances.map(({ id }) => id)));
    await expectFetch(stage, 'HTTP 200');
    return `${wanted} instances are in service and healthy`;
  },
};

export const leave: Step = {
  name: 'leave',
  title: 'It scales in while a client downloads',
  needsRealHosts: true,
  text: 'Three downloads of 64 MiB, one through each instance. The instance that leaves gets no new client, and keeps the one it has until that is done.',
  async play(stage) {
    const command = downloads(Math.ceil(size / 1024 / (await downloadSeconds(stage))));
    const [printed] = await Promise.all([stage.client(command, headquarters), leaveOnceConnected(stage)]);
    const whole = printed.split('\n').filter((line) => line === wholeDownload).length;
    prove(`three times ${wholeDownload}`, whole === 3, printed);
    return 'all three are whole, and the instance went only afterwards';
  },
};

/** So long that it outlasts the commands until the drain, also on a machine that is slow at the moment. */
async function downloadSeconds(stage: Stage): Promise<number> {
  const began = Date.now();
  await stage.quietly('aws', 'autoscaling describe-auto-scaling-groups');
  const commandSeconds = (Date.now() - began) / 1000;
  return Math.min(60, Math.max(7, 5 * commandSeconds));
}

async function leaveOnceConnected(stage: Stage): Promise<void> {
  const before = await stage.until('a download through each instance', async ({ instances }) => {
    const connected = await Promise.all(
      instances.map(({ id }) => stage.quietly('shell', `${id} -- ss -Htn state established`)),
    );
    return { met: connected.every((text) => text.includes(headquarters)), seen: connected.join('; ') };
  });
  const wanted = await resize(stage, before.desiredCapacity - 1);
  const after = await stage.until(`${wanted} instances in service and healthy`, (overview) => ({
    met: isReady(overview),
    seen: describe(overview),
  }));
  const gone = before.instances.find(({ id }) => after.instances.every((other) => other.id !== id))?.id;
  const own = stage.decisions
    .filter(({ who }) => who === gone)
    .map(({ step, reason }) => `${step}, ${reason}`);
  const order = /deregister, .*wait, draining, [1-9].*CONTINUE, no client is connected/s;
  prove(`${gone} to wait for its client`, order.test(own.join('\n')), own.join('; '));
}

/** Asks for so many instances, and answers their number. */
export async function resize(stage: Stage, wanted: number): Promise<number> {
  const options = `--auto-scaling-group-name shoal-demo --desired-capacity ${wanted}`;
  await stage.aws(`autoscaling set-desired-capacity \\\n  ${options}`);
  return wanted;
}
