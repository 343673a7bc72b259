import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Context } from 'aws-lambda';
import { expect, vi } from 'vitest';
import { admit } from '../../functions/admit.ts';
import { drain } from '../../functions/drain.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { type ApplicationOptions, addApplications } from '../../region/applications.ts';
import { machineClock } from '../../region/clock.ts';
import type { BusEvent } from '../../region/context.ts';
import { createSimulatedHosts } from '../../region/hosts/simulated.ts';
import { fast, operatorParameters, type Pace, real } from '../../region/pace.ts';
import type { Sandboxes } from '../../region/ports.ts';
import { createInProcessSandboxes } from '../../region/sandbox-in-process.ts';
import { AwsError } from '../../region/service.ts';
import { readTemplate } from '../../region/template.ts';
import type { Wire } from '../../region/wire.ts';
import { createWorld, type World } from '../../region/world.ts';
import { notifier } from '../../shared/aws/events.ts';
import { invoker } from '../../shared/aws/functions.ts';
import { createEngine, type Engine } from '../../shared/control/engine.ts';
import type { Metric } from '../../shared/decisions/metrics.ts';
import type { Status } from '../../shared/decisions/model.ts';
import { wireClient } from '../wire-client.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(`${root}${file}`, 'utf8');
// As the bundles have it built in.
const documentHash = createHash('sha256').update(read('build/document.json')).digest('hex');

const functions: Record<string, (engine: Engine) => unknown> = { admit, drain, reconcile };

export interface VirtualOptions {
  pace?: 'fast' | 'real';
  capacity?: number;
  cidrs?: string;
  concurrency?: number;
  /** Where denied calls are what the scenario is about. */
  denials?: boolean;
  /** Further parameters of the operator's stack. */
  parameters?: Record<string, string>;
  onMetric?: ApplicationOptions['onMetric'];
  /** A package whose very bundles are run, in place of the sources. */
  packaged?: Packaged;
  /** Whether an event reaches its rules; every one does by default. */
  deliver?(event: BusEvent): number;
}

export interface Packaged {
  /** The texts of both templates. */
  operator: string;
  fleet: string;
  unpack: ApplicationOptions['unpack'];
  sandboxes(wire: () => Wire): Sandboxes;
}

/**
 * The packaged templates and the very handlers in one process, on virtual time: the same region as over
 * HTTP, with simulated hosts. Only time, hosts and the wire's socket are not real.
 */
export async function virtualRegion(options: VirtualOptions = {}) {
  process.env.SHOAL_DOCUMENT_SHA256 = documentHash;
  vi.useFakeTimers({ now: Date.parse('2026-11-24T09:00:00Z') });
  const paces: Record<string, Pace> = { fast, real };
  const pace = paces[options.pace ?? 'fast'] as Pace;
  const hosts = createSimulatedHosts(machineClock);
  const logs: Record<string, unknown>[] = [];
  const failures: string[] = [];
  const measured: (Metric & { at: number; prefix: string })[] = [];
  const { packaged } = options;
  const sandboxes: Sandboxes = packaged?.sandboxes(() => world.wire) ?? {
    start: async (spec, log) => {
      const name = spec.name.split('-').at(-1) as string;
      const engine = createEngine(
        { ...spec.environment, AWS_LAMBDA_FUNCTION_NAME: spec.name },
        {
          ...wireClient(world.wire, spec.environment.AWS_ACCESS_KEY_ID ?? ''),
          invoker,
          notifier,
        },
      );
      engine.log = (message, fields) =>
        void logs.push({ at: Date.now(), function: name, message, ...fields });
      const { prefix } = engine;
      engine.measure = (metrics) =>
        void measured.push(...metrics.map((metric) => ({ at: Date.now(), prefix, ...metric })));
      const handler = functions[name]?.(engine) as (event: unknown, context: Context) => Promise<unknown>;
      const watched = async (event: unknown, context: unknown) => {
        try {
          return await handler(event, context as Context);
        } catch (error) {
          failures.push(`${name}: ${(error as Error).message}`);
          throw error;
        }
      };
      return createInProcessSandboxes(machineClock, { [spec.name]: watched }).start(spec, log);
    },
  };
  const routes: string[][] = [];
  const world: World = createWorld({
    clock: machineClock,
    pace,
    hosts,
    balancer: { route: async (_port, targets) => void routes.push(targets.map(({ address }) => address)) },
    sandboxes,
    random: seeded(options.capacity ?? 2),
  });
  const deliver = options.deliver ?? (() => 1);
  const onEvent = world.onEvent;
  world.onEvent = (listener) =>
    onEvent((event) => {
      for (let times = deliver(event); times > 0; times--) listener(event);
    });
  const applications = addApplications(world, {
    endpoint: 'http://region',
    unpack: packaged?.unpack ?? (() => ({ directory: '/', size: 1, sha256: '' })),
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    ...(options.onMetric && { onMetric: options.onMetric }),
  });
  const times = options.pace === 'real' ? {} : operatorParameters.fast;
  const operator = packaged?.operator ?? read('.serverless/cloudformation-template-update-stack.json');
  applications.stacks.deploy('shoal', readTemplate(operator), { ...times, ...options.parameters });
  applications.stacks.deploy('demo', readTemplate(packaged?.fleet ?? read('infra/fleet.yml')), {
    FleetName: 'demo',
    VpcId: 'vpc-1',
    SubnetIds: 'subnet-a,subnet-c,subnet-d',
    ClientCidrs: options.cidrs ?? '172.31.0.0/24',
    // The package of before does not know it.
    ...(!packaged && { RouteTableIds: 'rtb-1' }),
    ProbeUrl: 'https://s3.ap-northeast-1.amazonaws.com',
    MinSize: '0',
    MaxSize: '1000',
    DesiredCapacity: String(options.capacity ?? 2),
    DeregistrationDelay: '20',
  });
  const administrator = createEngine({}, wireClient(world.wire, 'administrator')).aws;

  /** Lets time pass until `done` is true; fails, saying what was waited for, when it never is. */
  async function until(what: string, done: () => unknown, withinMs = 30 * 60_000) {
    const end = Date.now() + withinMs;
    while (Date.now() < end) {
      await vi.advanceTimersByTimeAsync(100);
      if (done()) return;
    }
    const tail = logs.slice(-8).map((line) => JSON.stringify(line).slice(0, 300));
    throw new Error([`${what}: not within ${withinMs / 1000} s`, ...failures, ...tail].join('\n'));
  }

  const call = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
  const status = (): Status | null => {
    try {
      const found = world.parameters.service.operations.GetParameter?.(
        { Name: '/shoal-state/demo/status' },
        call,
      );
      return JSON.parse((found as { Parameter: { Value: string } }).Parameter.Value);
    } catch {
      return null;
    }
  };
  const instances = () =>
    (world.autoscaling.group('shoal-demo')?.members ?? []).map(({ instanceId, state }) => ({
      id: instanceId,
      lifecycle: state,
    }));
  const inService = () => instances().filter(({ lifecycle }) => lifecycle === 'InService');
  const targetGroup = [...(applications.stacks.stack('demo')?.resources.values() ?? [])].find(({ type }) =>
    type.endsWith('TargetGroup'),
  )?.id as string;

  return {
    world,
    hosts,
    applications,
    logs,
    failures,
    measured,
    routes,
    targetGroup,
    /** An answer that no retry helps against. */
    refused: new AwsError('InvalidTarget', 'The following targets are not in a running state'),
    denied: new AwsError('AccessDenied', 'the function has been killed', 400),
    aws: administrator,
    until,
    status,
    instances,
    inService,
    /** Both instances in service and the first config live. */
    settled: (count = options.capacity ?? 2) =>
      until(`${count} instances in service on live`, () => {
        const written = status();
        return inService().length === count && written?.live !== undefined && written.rollout === undefined;
      }),
    /** The target group's targets, as DescribeTargetHealth has them. */
    targets() {
      const described = world.targets.service.operations.DescribeTargetHealth?.(
        { TargetGroupArn: targetGroup },
        call,
      );
      const { TargetHealthDescriptions } = described as {
        TargetHealthDescriptions: { Target: { Id: string }; TargetHealth: { State: string } }[];
      };
      return TargetHealthDescriptions.map(({ Target, TargetHealth }) => ({
        id: Target.Id,
        state: TargetHealth.State,
      }));
    },
    put(name: string, value: string) {
      const input = { Name: `/shoal/demo/${name}`, Value: value, Overwrite: true };
      const put = world.parameters.service.operations.PutParameter;
      try {
        put?.(input, call);
      } catch {
        put?.({ ...input, Type: 'String' }, call); // A new one needs a type.
      }
    },
    capacity: (count: number) =>
      void world.autoscaling.service.operations.SetDesiredCapacity?.(
        { AutoScalingGroupName: 'shoal-demo', DesiredCapacity: count },
        call,
      ),
    /** Invokes reconcile by hand and waits for its answer. */
    async invoke(event: object) {
      let answer: { Payload?: Uint8Array } | undefined;
      const Payload = new TextEncoder().encode(JSON.stringify(event));
      const invoke = applications.functions.service.operations.Invoke;
      const asked = invoke?.({ FunctionName: 'shoal-reconcile', Payload }, call) as Promise<typeof answer>;
      void asked.then((it) => {
        answer = it;
      });
      await until('the function answers', () => answer !== undefined);
      return JSON.parse(new TextDecoder().decode(answer?.Payload));
    },
    /** Whatever the scenario is about: the deployed roles allow all that it came to. */
    async close() {
      await applications.close();
      await world.close();
      vi.useRealTimers();
      if (!options.denials) expect(world.access.denials).toEqual([]);
    },
  };
}

export type Virtual = Awaited<ReturnType<typeof virtualRegion>>;

/** Fails the calls that `matches` picks with a throttle, the way AWS does. */
export const throttle = new AwsError('ThrottlingException', 'Rate exceeded', 400);

function seeded(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
