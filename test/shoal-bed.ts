import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'aws-lambda';
import { expect, vi } from 'vitest';
import { admit } from '../functions/admit.ts';
import { drain } from '../functions/drain.ts';
import { reconcile } from '../functions/reconcile.ts';
import { addApplications } from '../region/applications.ts';
import { machineClock } from '../region/clock.ts';
import { createSimulatedHosts } from '../region/hosts/simulated.ts';
import { listen } from '../region/http.ts';
import { fast, operatorParameters, type Pace } from '../region/pace.ts';
import type { Sandboxes } from '../region/ports.ts';
import { createInProcessSandboxes } from '../region/sandbox-in-process.ts';
import { readTemplate } from '../region/template.ts';
import { createWorld, type World } from '../region/world.ts';
import { invoker } from '../shared/aws/functions.ts';
import { createEngine, type Engine } from '../shared/control/engine.ts';
import { wireClient } from './wire-client.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const functions: Record<string, (engine: Engine) => unknown> = { admit, drain, reconcile };
// As the bundles have it built in.
const documentHash = createHash('sha256').update(read('build/document.json')).digest('hex');

/** Nothing takes longer than a look needs. */
const pace = {
  ...fast,
  scaleMs: 1,
  agentOnlineMs: 1,
  deliveryMs: 1,
  initialMs: 1,
  healthCheckIntervalMs: 20,
};

/** For stages that are deployed beside the first one. */
const quick = { DebounceSeconds: '0.2', AskSeconds: '5', BalancerLagSeconds: '0.2' };

/**
 * The packaged templates and the very handlers behind a real socket, with simulated hosts; fleets of two. What is
 * deployed over the wire is quicker still.
 */
export async function shoalRegion(quicker: Partial<Pace> = {}) {
  process.env.SHOAL_DOCUMENT_SHA256 = documentHash;
  const hosts = createSimulatedHosts(machineClock, { applyMs: 20, checkMs: 5 });
  const sandboxes: Sandboxes = {
    start: async (spec, log) => {
      const { AWS_ACCESS_KEY_ID = '', AWS_SESSION_TOKEN } = spec.environment;
      const config = {
        // By the token a fault knows whom it strikes.
        ...wireClient(world.wire, AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN),
        invoker,
      };
      const engine = createEngine({ ...spec.environment, AWS_LAMBDA_FUNCTION_NAME: spec.name }, config);
      engine.log = () => {};
      const name = spec.name.split('-').at(-1) ?? '';
      const handler = functions[name]?.(engine) as (event: unknown, context: Context) => Promise<unknown>;
      const handlers = {
        [spec.name]: (event: unknown, context: unknown) => handler(event, context as Context),
      };
      return createInProcessSandboxes(machineClock, handlers).start(spec, log);
    },
  };
  const balancer = { route: async () => {} };
  const world: World = createWorld({
    ...{ clock: machineClock, pace: { ...pace, ...quicker }, hosts, balancer, sandboxes },
  });
  const applications = addApplications(world, {
    endpoint: 'http://region',
    unpack: () => ({ directory: '/', size: 1, sha256: '' }),
  });
  const { stacks } = applications;
  const operator = read('.serverless/cloudformation-template-update-stack.json');
  stacks.deploy('shoal', readTemplate(operator), operatorParameters.fast);
  const http = await listen(world.wire, 0, {
    fault: () => '',
    deploy: ([directory = '']) => {
      const file = (name: string) => readFileSync(join(directory, '.serverless', name), 'utf8');
      const { stackName } = JSON.parse(file('serverless-state.json')).service.provider;
      const template = readTemplate(file('cloudformation-template-update-stack.json'));
      stacks.deploy(stackName, template, { ...operatorParameters.fast, ...quick });
      return stackName;
    },
  });
  const call = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
  const serve = (service: { operations: Record<string, unknown> }, name: string, input: object) =>
    (service.operations[name] as (input: object, by: typeof call) => unknown)(input, call);

  const region = {
    applications,
    port: http.port,
    hosts,
    world,
    addFleet(name: string) {
      stacks.deploy(name, readTemplate(read('infra/fleet.yml')), {
        FleetName: name,
        VpcId: 'vpc-1',
        SubnetIds: 'subnet-a,subnet-c,subnet-d',
        ClientCidrs: '172.31.0.0/24',
        RouteTableIds: 'rtb-1',
        ProbeUrl: '',
        MinSize: '0',
        MaxSize: '9',
        DesiredCapacity: '2',
        DeregistrationDelay: '1',
      });
    },
    put: (fleet: string, name: string, Value: string) =>
      serve(world.parameters.service, 'PutParameter', {
        Name: `/shoal/${fleet}/${name}`,
        Value,
        Overwrite: true,
      }),
    serve,
    live(fleet: string): string {
      const status = serve(world.parameters.service, 'GetParameter', {
        Name: `/shoal-state/${fleet}/status`,
      });
      return JSON.parse((status as { Parameter: { Value: string } }).Parameter.Value).live.sha256;
    },
    /** Runs the command as a process, without a terminal. */
    shoal: (...words: string[]) => runShoal([...words, '--local', '--port', String(http.port)]),
    async well(fleet: string) {
      await vi.waitFor(async () => expect((await region.shoal('status', fleet)).code).toBe(0), {
        timeout: 30_000,
        interval: 100,
      });
    },
    async close() {
      await http.close();
      await applications.close();
      await world.close();
      expect(world.access.denials).toEqual([]);
    },
  };
  return region;
}

export type ShoalRegion = Awaited<ReturnType<typeof shoalRegion>>;

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export async function runShoal(words: string[], environment: NodeJS.ProcessEnv = {}): Promise<Result> {
  // Without the cache half of the time goes into compiling.
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, [join(root, 'scripts/shoal/cli.ts'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, HOME: '/nonexistent', ...environment },
  });
  const result = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text) => {
      result[name] += text;
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...result };
}
