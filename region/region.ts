import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Applications, addApplications } from './applications.ts';
import { machineClock } from './clock.ts';
import { runFaultWords } from './fault-words.ts';
import { createNamespaceHosts } from './hosts/namespaces.ts';
import { createSimulatedHosts } from './hosts/simulated.ts';
import { type Control, listen } from './http.ts';
import { s3Name } from './network/addresses.ts';
import { type ClientOptions, type ClientResult, runAsClient } from './network/client.ts';
import { createNetwork, type Network, withoutNetwork } from './network/network.ts';
import { fast, operatorParameters, real } from './pace.ts';
import { createProcessSandboxes } from './sandbox-process.ts';
import { functionLogFile, networkDirectory } from './state.ts';
import { readTemplate } from './template.ts';
import { createWorld, type World } from './world.ts';
import { unzip } from './zip.ts';

export interface RegionOptions {
  port: number;
  pace: 'fast' | 'real';
  /** Holds `.serverless/` (the packaged operator) and `infra/fleet.yml`. */
  packageDirectory: string;
  /** Hosts without processes, where real ones can't be had; no client can go through them. */
  simulated?: boolean;
  /** For everything that the region keeps; made, and removed by `close`. */
  stateDirectory: string;
  /** Executions of functions at once; 10 by default, as in a new account. */
  concurrency?: number;
  /** Hears that the pace of the running region has been changed. */
  paceChanged?(pace: 'fast' | 'real'): void;
  /** Hears what is being done, a line at a time. */
  progress?(line: string): void;
}

/** A whole region in this process, with real hosts. The operator and the fleet `demo` are deployed in it. */
export interface Region extends Pick<Applications, 'functions' | 'queues' | 'stacks'> {
  /** http://127.0.0.1:PORT */
  endpoint: string;
  world: World;
  network: Network;
  /** Runs a command as an on-premises machine and collects what it prints. */
  client(options: Omit<ClientOptions, 'stdio'>): Promise<ClientResult>;
  /** Ends and removes everything. Safe twice. */
  close(): Promise<void>;
}

/**
 * Starts a region and deploys the operator and the fleet, whose first instances are still to come.
 * Rejects when the port is taken, the package is missing or a template has what the region doesn't know;
 * nothing is left behind then.
 */
export async function startRegion(options: RegionOptions): Promise<Region> {
  const { stateDirectory, progress = () => {} } = options;
  let { packageDirectory } = options;
  const endings: (() => unknown)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= endAll(endings);
    return closing;
  };
  try {
    await refuseTakenPort(options.port);
    mkdirSync(stateDirectory, { recursive: true });
    endings.push(() => rmSync(stateDirectory, { recursive: true, force: true }));
    const { simulated = false } = options;
    if (!simulated) progress('making the network: a VPC, its balancer, an S3 endpoint');
    const directory = networkDirectory(stateDirectory);
    const network = simulated ? withoutNetwork(directory) : await createNetwork(directory);
    endings.push(network.close);
    const world = createWorld({
      clock: machineClock,
      pace: { fast, real }[options.pace],
      hosts: simulated ? createSimulatedHosts(machineClock) : createNamespaceHosts(network),
      balancer: network.balancer,
      sandboxes: createProcessSandboxes(),
    });
    endings.push(world.close);
    const control: Record<string, Control> = { fault: (words) => runFaultWords(world, words) };
    const http = await listen(world.wire, options.port, control);
    endings.push(http.close);
    const endpoint = `http://127.0.0.1:${http.port}`;
    const applications = addApplications(world, {
      endpoint,
      unpack: (zipName, functionName) => unpack({ packageDirectory, stateDirectory }, zipName, functionName),
      onLog(functionName, line) {
        // A function that is being ended may still say something when its folder has gone.
        if (!closing) writeLog(stateDirectory, functionName, line);
      },
      ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    });
    world.access.onDenial = (message) => !closing && writeLog(stateDirectory, 'region', message);
    endings.push(applications.close);
    deploy(applications, options, progress);
    control.deploy = ([directory = '']) => {
      // A stack's code is read while the stack is made.
      packageDirectory = directory;
      try {
        return deployOperator(applications, directory, options.pace);
      } finally {
        packageDirectory = options.packageDirectory;
      }
    };
    control.speed = ([pace = '']) => changePace(world, applications, pace, options);
    return {
      ...applications,
      endpoint,
      world,
      network,
      client: (command) => runAsClient(networkDirectory(stateDirectory), command),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const operatorTemplate = '.serverless/cloudformation-template-update-stack.json';
const functionLogBytesMax = 32 * 1024 * 1024;

const fleetParameters = {
  FleetName: 'demo',
  VpcId: 'vpc-region',
  SubnetIds: 'subnet-a,subnet-c,subnet-d',
  ClientCidrs: '172.31.0.0/24',
  ProbeUrl: `https://${s3Name}`,
  MinSize: '0',
  MaxSize: '20',
  DesiredCapacity: '2',
  DeregistrationDelay: '20',
  RouteTableIds: 'rtb-00000000',
};

function deploy(
  { stacks }: Applications,
  { packageDirectory, pace }: RegionOptions,
  progress: (line: string) => void,
) {
  progress('deploying the operator: stack shoal');
  const operator = readTemplate(read(packageDirectory, operatorTemplate));
  stacks.deploy('shoal', operator, operatorParameters[pace]);
  progress('deploying the fleet: stack demo');
  stacks.deploy('demo', readTemplate(read(packageDirectory, 'infra/fleet.yml')), fleetParameters);
}

/** Another stage's operator beside the first one, from the folder that it was packaged in. */
function deployOperator({ stacks }: Applications, directory: string, pace: RegionOptions['pace']): string {
  const state = JSON.parse(read(directory, '.serverless/serverless-state.json'));
  const { stackName } = state.service.provider;
  stacks.deploy(stackName, readTemplate(read(directory, operatorTemplate)), operatorParameters[pace]);
  return `stack ${stackName}`;
}

function read(directory: string, file: string): string {
  try {
    return readFileSync(join(directory, file), 'utf8');
  } catch (cause) {
    throw new Error(`${join(directory, file)} is missing: npm run package makes it`, { cause });
  }
}

/** As a person's update of the operator's stack, and of AWS itself. */
function changePace(world: World, { stacks, events }: Applications, pace: string, options: RegionOptions) {
  if (pace !== 'fast' && pace !== 'real') throw new Error(`speed is fast or real, not ${pace}`);
  Object.assign(world.pace, { fast, real }[pace]);
  stacks.update('shoal', operatorParameters[pace]);
  events.restart();
  options.paceChanged?.(pace);
  return `the region's pace is ${pace} from now on`;
}

function unpack(
  { packageDirectory, stateDirectory }: Pick<RegionOptions, 'packageDirectory' | 'stateDirectory'>,
  zipName: string,
  functionName: string,
) {
  const file = join(packageDirectory, '.serverless', zipName);
  const zip = readFileSync(file);
  const hash = createHash('sha256').update(zip);
  const sha256 = hash.copy().digest('base64');
  // Each code has a folder of its own: what runs goes on with the one that it began with.
  const directory = join(stateDirectory, 'functions', functionName, hash.digest('hex').slice(0, 12));
  unzip(file, directory);
  return { directory, size: zip.length, sha256 };
}

function writeLog(stateDirectory: string, functionName: string, line: string): void {
  const entry = { at: new Date().toISOString(), function: functionName, line };
  const file = functionLogFile(stateDirectory);
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
  // The folder lies in memory, and a region may run for weeks: it starts over.
  if (statSync(file).size > functionLogBytesMax) truncateSync(file);
}

/** Ends in the reverse order of the start, all of it, whatever one of the endings says. */
async function endAll(endings: (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const end of endings.splice(0).reverse()) {
    try {
      await end();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'ending the region');
}

/** Before anything else is touched: the directory of a living region on this port must stay whole. */
async function refuseTakenPort(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = `port ${port} of 127.0.0.1 is taken: choose another one with --port`;
      reject(cause.code === 'EADDRINUSE' ? new Error(taken, { cause }) : cause);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}
