import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { describe, expect, test } from 'vitest';
import { enterHost } from '../region/hosts/namespaces.ts';
import { type Region, startRegion } from '../region/region.ts';
import { AwsError } from '../region/service.ts';
import { stateDirectory, writeRecord } from '../region/state.ts';
import { type DemoRegion, demo } from '../scripts/demo/demo.ts';
import { story } from '../scripts/demo/story.ts';
import { collect, finish, project, start, verdictsOf } from './demo-bed.ts';
import { expectNothingLeft } from './left-overs.ts';
import { whole } from './sample.ts';

// Each demo has a region of its own, so they run side by side.
let nextPort = 6130 + (process.pid % 60) * 20;

interface Breakage {
  step: string;
  /** What is broken in the world. */
  world: string;
  /** What the demo says about it. */
  says: RegExp;
  /** The steps that set the scene, besides the first two. */
  after?: string[];
  /** Breaks it when the stacks are deployed, or else when the step begins. */
  atOnce?: true;
  /** Also in `npm test`; the others in `npm run bench -- whole`. */
  sampled?: true;
  /** How long a step waits in it: six seconds, unless what it says takes longer. */
  patienceMs?: number;
  breakIt(region: Region): unknown;
}

// The host that fails may have none left already.
const killWorkers = "pkill -KILL -f '^\\(squid-[0-9]' || true";

const breakages: Breakage[] = [
  {
    step: 'arrive',
    sampled: true,
    world: 'something else completes the launches early',
    says: /in service only when healthy; seen: i-\S+ \S+ InService\s+not registered/,
    atOnce: true,
    breakIt: completeLaunchesEarly,
  },
  {
    step: 'list',
    sampled: true,
    world: 'the balancer has lost its targets',
    says: /a listing with hello.txt; seen: .*proxy/i,
    breakIt: ({ world }) => world.balancer.route(3128, []),
  },
  {
    step: 'metadata',
    world: 'hosts let the metadata address through',
    says: /HTTP 403; seen: HTTP 200/,
    async breakIt(region) {
      refuse(region, 'SendCommand');
      await onHosts(
        region,
        "sed -i '1i http_access allow all' /etc/squid/squid.conf && squid -k reconfigure",
      );
    },
  },
  {
    step: 'add',
    world: 'no command reaches a host',
    says: /the edit to be live within 6 s; seen: 2 wanted, .*healthy/,
    breakIt: (region) => refuse(region, 'SendCommand'),
  },
  {
    step: 'remove',
    world: 'hosts are told to keep the tunnels',
    says: /both tunnels of 192.168.7.10 closed; seen: .*still open/,
    after: ['add'],
    patienceMs: 100_000,
    breakIt({ world }) {
      world.wire.fault = ({ operation, input }) => {
        if (operation === 'SendCommand') Object.assign(input?.Parameters as object, { revoke: ['keep'] });
        return undefined;
      };
    },
  },
  {
    step: 'unfit',
    world: 'a trial kills the workers of the Squid that serves',
    says: /(every new connection served|both tunnels open); seen: .*closed after/,
    patienceMs: 100_000,
    breakIt: (region) =>
      onHosts(
        region,
        `cat >/usr/local/sbin/squid <<'END' && chmod 755 /usr/local/sbin/squid
#!/bin/sh
case " $* " in *' -N '*) ${killWorkers} ;; esac
exec /usr/sbin/squid "$@"
END`,
      ),
  },
  {
    step: 'canary',
    sampled: true,
    world: 'the other hosts suffer from it too',
    says: /tunnels through the others open, .*; seen: .*closed after/,
    patienceMs: 100_000,
    breakIt(region) {
      let hasBegun = false;
      region.world.wire.fault = ({ operation, input }) => {
        const begins = operation === 'SendCommand' && /"apply"/.test(JSON.stringify(input?.Parameters));
        const canary = input?.InstanceIds as string[];
        // Seconds before the canary is back, which is what the demo waits for. A host may end before its command does.
        if (begins && !hasBegun) onHosts(region, killWorkers, canary).catch(() => {});
        hasBegun ||= begins;
        return undefined;
      };
    },
  },
  {
    step: 'typo',
    world: 'somebody else corrects the typo and goes further',
    says: /Shoal to say that the parameters are broken within 6 s/,
    breakIt({ world }) {
      world.wire.fault = ({ operation, input }) => {
        if (operation === 'PutParameter' && input?.Name === '/shoal/demo/allowed-cidrs')
          input.Value = '172.31.0.0/24,192.168.0.0/16';
        return undefined;
      };
    },
  },
  {
    step: 'scale',
    sampled: true,
    world: 'the balancer takes no new target',
    says: /3 instances in service and healthy within 6 s; seen: .*Pending:Wait/,
    breakIt: (region) => refuse(region, 'RegisterTargets'),
  },
  {
    step: 'repair',
    world: 'no command reaches a host',
    says: /both hosts to be repaired within 6 s; seen: 2 wanted, i-/,
    breakIt: (region) => refuse(region, 'SendCommand'),
  },
  {
    step: 'lost',
    sampled: true,
    world: 'the event is heard of all the same',
    says: /decisions of the sweep alone; seen: .*shoal-admit/,
    patienceMs: 100_000,
    breakIt({ world }) {
      world.faults.deliveriesOf = () => [0];
    },
  },
  {
    step: 'plan',
    world: 'Squid has died on the hosts',
    says: /nothing to do for 2 instances; seen: .*"step":"apply"/,
    async breakIt(region) {
      region.world.wire.fault = ({ operation, input }) =>
        operation === 'SendCommand' && JSON.stringify(input?.Parameters).includes('"apply"')
          ? new AwsError('InternalServerError', 'broken by the test', 500)
          : undefined;
      await onHosts(region, 'squid -k kill');
    },
  },
];

describe.concurrent('the demo in a broken world', () => {
  test.each(breakages.filter(({ sampled }) => sampled || whole))(
    'stops at $step: $world',
    async (breakage) => {
      const port = nextPort++;
      const { code, output } = await playBroken(port, breakage);
      expect(output.replaceAll(/\s+/g, ' ')).toMatch(breakage.says);
      expect(code).toBe(1);
      const verdicts = verdictsOf(output);
      expect(verdicts.splice(-2)).toEqual(['NOT PROVEN', 'not run']);
      expect(verdicts.filter((verdict) => verdict !== 'proven')).toEqual([]);
      await expectNothingLeft(port);
    },
  );

  test('stops at deploy: the port is taken', async () => {
    const port = nextPort++;
    const server = createServer().listen(port, '127.0.0.1');
    const { code, output } = await finish(start(port));
    await new Promise((resolve) => server.close(resolve));
    expect(code).toBe(1);
    expect(output.replaceAll(/\s+/g, ' ')).toContain(`port ${port} of 127.0.0.1 is taken`);
    await expectNothingLeft(port);
  });
});

/** Plays the story up to the broken step, with one more step after it; most of those between aren't needed. */
async function playBroken(port: number, { step, after = [], atOnce, patienceMs = 6_000, breakIt }: Breakage) {
  let region: Region | undefined;
  const startBroken = (): DemoRegion => {
    const options = {
      port,
      pace: 'fast',
      packageDirectory: project,
      stateDirectory: stateDirectory(port),
    } as const;
    const deployed = startRegion(options).then(async (started) => {
      region = started;
      writeRecord(options.stateDirectory, { endpoint: started.endpoint, pace: 'fast' });
      if (atOnce) await breakIt(started);
    });
    return { deployed, release() {}, end: async () => await region?.close() };
  };
  const [output, text] = collect();
  const named = (name: string) => story.find((one) => one.name === name)!;
  const broken = named(step);
  const last = named(step === 'plan' ? 'scale' : 'plan');
  const code = await demo({
    port,
    signal: new AbortController().signal,
    output,
    start: startBroken,
    story: [
      ...['deploy', 'arrive', ...after].filter((name) => name !== step).map(named),
      {
        ...broken,
        async play(stage) {
          if (!atOnce) await breakIt(region!);
          // What is broken stays so.
          stage.patienceMs = patienceMs;
          return broken.play(stage);
        },
      },
      last,
    ],
  });
  // What a broken region refuses, the deployed roles allow all the same.
  expect(region?.world.access.denials).toEqual([]);
  return { code, output: text() };
}

/** Says CONTINUE for each instance as soon as it waits, as no one should, and leaves it unregistered. */
function completeLaunchesEarly(region: Region): void {
  const { world, endpoint } = region;
  refuse(region, 'RegisterTargets');
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new AutoScalingClient({ endpoint, region: 'ap-northeast-1', credentials });
  world.onEvent(({ 'detail-type': type, detail }) => {
    if (type !== 'EC2 Instance-launch Lifecycle Action') return;
    const { AutoScalingGroupName, LifecycleHookName, EC2InstanceId } = detail as Record<string, string>;
    const action = { AutoScalingGroupName, LifecycleHookName, InstanceId: EC2InstanceId };
    void client.send(new CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: 'CONTINUE' }));
  });
}

function refuse({ world }: Region, refused: string): void {
  world.wire.fault = ({ operation }) =>
    operation === refused ? new AwsError('AccessDenied', 'broken by the test', 403) : undefined;
}

/** Runs a script on every host but these, and waits until Squid has taken notice. */
async function onHosts({ world, network }: Region, script: string, but: string[] = []): Promise<void> {
  for (const { instanceId } of world.instances.all()) {
    if (but.includes(instanceId)) continue;
    const [program = '', ...words] = enterHost(network.directory, instanceId);
    await promisify(execFile)(program, [...words, 'sh', '-ec', `${script}; sleep 0.5`]);
  }
}
