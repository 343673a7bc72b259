import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { AutoScalingClient, CompleteLifecycleActionCommand } from '@aws-sdk/client-auto-scaling';
import { describe, expect, test, vi } from 'vitest';
import { enterHost } from '../region/hosts/namespaces.ts';
import { type Region, startRegion } from '../region/region.ts';
import { AwsError } from '../region/service.ts';
import { stateDirectory, writeRecord } from '../region/state.ts';
import { type DemoRegion, demo } from '../scripts/demo/demo.ts';
import { story } from '../scripts/demo/story.ts';

const project = join(import.meta.dirname, '..');
// Each demo has a region of its own, so they run side by side.
let nextPort = 4910 + (process.pid % 60) * 20;

describe.concurrent('the demo', () => {
  test('proves every step and leaves nothing behind', async () => {
    const port = nextPort++;
    const { code, output } = await finish(start(port));
    expect(output).toContain(`${story.length} of ${story.length} steps proven in`);
    expect(code).toBe(0);
    expect(verdictsOf(output)).toEqual(story.map(() => 'proven'));
    expect(output.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(output).not.toContain('\u001b');
    await expectNothingLeft(port);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('leaves nothing behind when %s interrupts it', async (signal) => {
    const port = nextPort++;
    const running = start(port);
    await said(running, 'Two instances come in');
    running.kill(signal);
    const { code, output } = await finish(running);
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(output).toContain('interrupted');
    await expectNothingLeft(port);
  });

  test('goes away with a killed demo', async () => {
    const port = nextPort++;
    const running = start(port);
    await said(running, 'Two instances come in');
    running.kill('SIGKILL');
    await vi.waitFor(() => expect(leftOvers(port)).toEqual([]), { timeout: 20_000 });
    await expectNothingLeft(port);
  });

  test('keeps the region when asked to, until it is ended', async () => {
    const port = nextPort++;
    const { signal } = new AbortController();
    const [output, text] = collect();
    expect(await demo({ port, keep: true, signal, output, story: story.slice(0, 2) })).toBe(0);
    expect(text()).toContain(`npm run region -- down --port ${port}`);
    const region = (...words: string[]) =>
      promisify(execFile)(process.execPath, ['region/cli.ts', ...words], { cwd: project });
    expect((await region('status', '--port', String(port))).stdout.match(/healthy/g)).toHaveLength(2);
    await region('down', '--port', String(port));
    await expectNothingLeft(port);
  });
});

interface Breakage {
  step: string;
  /** What is broken in the world. */
  world: string;
  /** What the demo says about it. */
  says: RegExp;
  /** Breaks it when the stacks are deployed, or else when the step begins. */
  atOnce?: true;
  breakIt(region: Region): unknown;
}

const breakages: Breakage[] = [
  {
    step: 'arrive',
    world: 'something else completes the launches early',
    says: /in service only when healthy; seen: i-\S+ \S+ InService\s+not registered/,
    atOnce: true,
    breakIt: completeLaunchesEarly,
  },
  {
    step: 'list',
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
    world: 'the balancer takes no new target',
    says: /3 instances in service and healthy within 6 s; seen: .*Pending:Wait/,
    breakIt: (region) => refuse(region, 'RegisterTargets'),
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

describe.concurrent('in a broken world', () => {
  test.each(breakages)('stops at $step: $world', async (breakage) => {
    const port = nextPort++;
    const { code, output } = await playBroken(port, breakage);
    expect(output.replaceAll(/\s+/g, ' ')).toMatch(breakage.says);
    expect(code).toBe(1);
    const verdicts = verdictsOf(output);
    expect(verdicts.splice(-2)).toEqual(['NOT PROVEN', 'not run']);
    expect(verdicts.filter((verdict) => verdict !== 'proven')).toEqual([]);
    await expectNothingLeft(port);
  });

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

/** Plays the story up to the broken step, with one more step after it; the steps between aren't needed. */
async function playBroken(port: number, { step, atOnce, breakIt }: Breakage) {
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
      ...['deploy', 'arrive'].filter((name) => name !== step).map(named),
      {
        ...broken,
        async play(stage) {
          if (!atOnce) await breakIt(region!);
          // What is broken stays so.
          stage.patienceMs = 6_000;
          return broken.play(stage);
        },
      },
      last,
    ],
  });
  return { code, output: text() };
}

/** A stream, and what has been written to it so far. */
function collect(): [PassThrough, () => string] {
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  return [stream, () => text];
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

/** Runs a script on every host, and waits until Squid has taken notice. */
async function onHosts({ world, network }: Region, script: string): Promise<void> {
  for (const { instanceId } of world.instances.all()) {
    const [program = '', ...words] = enterHost(network.directory, instanceId);
    await promisify(execFile)(program, [...words, 'sh', '-ec', `${script}; sleep 0.5`]);
  }
}

function start(port: number, ...words: string[]): ChildProcess {
  const program = join(project, 'scripts/demo.ts');
  return spawn(process.execPath, [program, '--port', String(port), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function finish(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

function said(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    child.stdout!.on('data', (chunk) => String(chunk).includes(text) && resolve());
  });
}

/** The last column of the table at the end. */
function verdictsOf(output: string): (string | undefined)[] {
  return [...output.matchAll(/^ \d {2}.*? {2}(proven|NOT PROVEN|interrupted|not run)$/gm)].map(
    ([, it]) => it,
  );
}

/** Processes of the region, by their command line, their environment or their mounts. */
function leftOvers(port: number): string[] {
  const name = basename(stateDirectory(port));
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    const files = ['cmdline', 'environ', 'mountinfo'].map((file) => read(`/proc/${pid}/${file}`));
    return files.some((text) => text.includes(name)) ? [files[0]!.replaceAll('\0', ' ')] : [];
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function expectNothingLeft(port: number): Promise<void> {
  await vi.waitFor(() => expect(leftOvers(port)).toEqual([]), { timeout: 5_000 });
  expect(existsSync(stateDirectory(port))).toBe(false);
  const server = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  await new Promise((resolve) => server.close(resolve));
}
