import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { createSimulatedHosts, type Machine } from '../../region/hosts/simulated.ts';
import { fast } from '../../region/pace.ts';
import { zones } from '../../region/service.ts';
import { createWorld, type World } from '../../region/world.ts';
import { createEngine, type Engine } from '../../shared/control/engine.ts';
import { follow } from '../../shared/control/lifecycle.ts';
import { reconcileEvent } from '../../shared/control/reconcile.ts';
import { readSettings } from '../../shared/fleet/parameters.ts';
import type { Config } from '../../shared/fleet/settings.ts';
import { renderConfig } from '../../shared/fleet/squid-conf.ts';
import { createRun, gated, type Operate, type Run } from './gated-run.ts';
import { statusPath, watchFleet } from './invariants.ts';
import { deployRoles, type FunctionName, identityOf } from './roles.ts';
import { virtualTime } from './virtual-time.ts';

/** Parameter Store as it was, and what each host had come to. */
export interface Snapshot {
  parameters: [name: string, values: string[]][];
  machines: [id: string, machine: Machine][];
}

/** What `reconcile` may be called with. */
export const events = {
  apply: { fleet: 'demo', mode: 'apply' },
  force: { fleet: 'demo', mode: 'apply', force: true },
  rollback: { fleet: 'demo', mode: 'rollback' },
  sweep: { fleet: 'demo', mode: 'sweep', askAll: true },
  edit: {
    ...{ source: 'aws.ssm', time: '2026-11-24T09:00:00Z' },
    detail: { name: '/shoal/demo/allowed-cidrs', operation: 'Update' },
  },
};

const root = new URL('../../', import.meta.url);
const document = JSON.parse(readFileSync(new URL('build/document.json', root), 'utf8'));
// Simulated hosts run no script, and putting parameters into it takes longer than all else of a command.
document.mainSteps[0].inputs.runCommand = ['true'];
const deployed = createEngine({
  SHOAL_DEBOUNCE_SECONDS: '0.2',
  SHOAL_ASK_SECONDS: '20',
  SHOAL_SWEEP_SECONDS: '5',
  SHOAL_BALANCER_LAG_SECONDS: '2',
  SHOAL_POLL_SECONDS: '0.1',
});
/** No run has anything to wait for that takes longer, on the region's clock. */
const runMs = 60_000;
const pace = {
  ...fast,
  scaleMs: 1,
  agentOnlineMs: 1,
  deliveryMs: 1,
  initialMs: 1,
  healthCheckIntervalMs: 2_000,
};
const handlers: Record<FunctionName, (engine: Engine, event: object, until: number) => Promise<unknown>> = {
  admit: (engine, event, until) => follow(engine, 'launch', event, until),
  drain: (engine, event, until) => follow(engine, 'terminate', event, until),
  reconcile: reconcileEvent,
};
const caller = { identity: 'someone', accessKeyId: 'x', requestId: 'x' };

export type SmallRegion = Awaited<ReturnType<typeof smallRegion>>;

/**
 * A fleet of three hosts, one a zone, that answer at once: the operator's code calls the region's operations with
 * no wire between, on a clock of its own, so that a rollout takes milliseconds. It begins without state, with new
 * hosts, in service or, with `inHooks`, on their way there. Every call is one of the function's deployed role; where
 * `denials` are what it is about, what the runs log is kept.
 */
export async function smallRegion({ inHooks = false, hosts: size = 3, denials = false } = {}) {
  const time = virtualTime(Date.parse('2026-11-24T09:00:00Z'));
  const hosts = createSimulatedHosts(time, { applyMs: 10, checkMs: 5 });
  const fleet = watchFleet(hosts.machines);
  const world = createWorld({
    ...{ clock: time, pace, random: seeded(), balancer: { route: async () => {} } },
    hosts: { launch: async (instance) => fleet.watch(await hosts.launch(instance)) },
  });
  const logged: string[] = [];
  const log: Engine['log'] = (message, fields) =>
    void (denials && logged.push(`${message} ${JSON.stringify(fields)}`));
  const engine = { ...deployed, clock: time, log, measure: () => {} };
  deployRoles(world);
  const operateAs =
    (identity: string): Operate =>
    (service, operation, input) => {
      world.wire.authorize(identity, service, operation, input as Record<string, unknown>);
      return world.wire.services.get(service)?.operations[operation]?.(input, { ...caller, identity });
    };
  const operate = operateAs(caller.identity);
  const put = (name: string, value: string) =>
    world.parameters.put({ Name: name, Value: value, Type: 'String', Overwrite: true });
  const pass = async (ms: number) => {
    const end = time.now() + ms;
    time.after(ms, () => {});
    await time.until(() => time.now() >= end);
  };
  const targetGroup = createFleet(world, inHooks, size);
  const members = () => world.autoscaling.group('shoal-demo')?.members ?? [];
  const state = inHooks ? 'Pending:Wait' : 'InService';
  await time.until(() => members().filter((it) => it.state === state).length === size);
  fleet.inService = () => members().flatMap((it) => (it.state === 'InService' ? it.instanceId : []));
  put('/shoal/demo/target-group-arn', targetGroup);
  put('/shoal/demo/allowed-cidrs', '10.0.0.0/8');
  // Until agents are online.
  await pass(1_000);

  return {
    world,
    hosts,
    fleet,
    logged,
    targetGroup,
    operate,
    pass,
    members: () => members().map(({ instanceId }) => instanceId),
    edit: (name: string, value: string) => put(`/shoal/demo/${name}`, value),
    desired: () => desired(operate),
    start(
      name: string,
      event: object,
      { as = 'reconcile', ...options }: Parameters<typeof createRun>[1] & { as?: FunctionName } = {},
    ): Run {
      const run = createRun(name, options);
      const asRole = operateAs(identityOf(as));
      const own = gated(engine, run, asRole, fleet.called);
      const aws = { ...own.aws, ...callsWithoutFleet(asRole) };
      handlers[as]({ ...own, aws, functionName: `shoal-${as}` }, event, time.now() + runMs).then(
        () => Object.assign(run, { isEnded: true }),
        (error: unknown) => Object.assign(run, { isEnded: true, error }),
      );
      return run;
    },
    /** Until a run is held, or is over. */
    heldOrOver: (run: Run) => time.until(() => run.held.length > 0 || run.isEnded || run.isDead),
    /** Lets a run go on, held or not, until it is over. */
    async over(run: Run): Promise<void> {
      run.holdAt = Number.POSITIVE_INFINITY;
      for (const release of run.held.splice(0)) release();
      await time.until(() => run.isEnded || run.isDead);
    },
    /** The minute's sweeps, as many as there is something left to do for. */
    async sweepUntilQuiet(): Promise<void> {
      for (let sweeps = 0; sweeps < sweepsMax && this.notQuiet().length > 0; sweeps++) {
        await this.over(this.start('sweep', events.sweep));
        await pass(5_000);
      }
    },
    /** What is still to be done: all are to be in service on live, which is desired unless that is rejected. */
    notQuiet(): string[] {
      const { live, rejected, rollout } = fleet.status() ?? {};
      const wanted = desired(operate);
      const left = members().filter((it) => it.state !== 'InService');
      const wrong = left.map((it) => `${it.instanceId} is ${it.state}`);
      if (rollout) wrong.push(`a rollout of ${rollout.sha256} does not end`);
      if (rejected?.settings !== wanted.settingsHash && live?.sha256 !== wanted.sha256)
        wrong.push(`live is ${live?.sha256}, though ${wanted.sha256} is desired and not rejected`);
      for (const [id, { running }] of hosts.machines)
        if (running !== live?.sha256) wrong.push(`${id} runs ${running}, not live`);
      return wrong;
    },
    snapshot: (): Snapshot => ({
      parameters: historiesBelow('/', operate),
      machines: structuredClone([...hosts.machines]),
    }),
    /** Parameter Store and hosts are as they were, all in service; time goes on, so nothing is young. */
    restore({ parameters, machines }: Snapshot): void {
      for (const [name] of historiesBelow('/', operate)) world.parameters.delete(name);
      for (const [name, values] of parameters) for (const value of values) put(name, value);
      for (const [id, machine] of structuredClone(machines)) {
        Object.assign(hosts.machines.get(id) ?? {}, machine);
        hosts.behave(id, 'works');
      }
      const Targets = machines.map(([Id]) => ({ Id, Port: 3128 }));
      operate('elbv2', 'RegisterTargets', { TargetGroupArn: targetGroup, Targets });
      fleet.begin(parameters.find(([name]) => name === statusPath)?.[1] ?? []);
    },
    async close() {
      await world.close();
      if (!denials) expect(world.access.denials).toEqual([]);
    },
  };
}

const sweepsMax = 8;

/** What has effects outside the fleet: it is allowed or not, and nothing comes of it. */
const callsWithoutFleet = (operate: Operate) => ({
  async invoke(name: string) {
    operate('lambda', 'Invoke', { FunctionName: name });
  },
  async notify(notices: { type: string }[]) {
    const Entries = notices.map(({ type: DetailType }) => ({ Source: 'shoal', DetailType }));
    operate('events', 'PutEvents', { Entries });
    return [];
  },
});

function createFleet({ commands, targets, autoscaling }: World, inHooks: boolean, size: number): string {
  commands.putDocument('shoal-apply', JSON.stringify(document));
  const named = { name: 'shoal-demo', vpcId: 'vpc-1', tags: { 'shoal:fleet': 'demo' } };
  const balancer = targets.createLoadBalancer({ ...named, zones: [...zones] });
  const { arn } = targets.createTargetGroup({ ...named, port: 3128 });
  targets.createListener({ loadBalancerArn: balancer.arn, port: 3128, targetGroupArn: arn, tags: {} });
  const hook = { heartbeatTimeoutSeconds: 3600, defaultResult: 'ABANDON' } as const;
  const hooks = [
    { ...hook, name: 'shoal-launch', transition: 'autoscaling:EC2_INSTANCE_LAUNCHING' },
    { ...hook, name: 'shoal-terminate', transition: 'autoscaling:EC2_INSTANCE_TERMINATING' },
  ] as const;
  autoscaling.createGroup({
    ...{ name: 'shoal-demo', minSize: 0, maxSize: 3, desiredCapacity: size },
    tags: [{ key: 'shoal:fleet', value: 'demo', propagateAtLaunch: true }],
    hooks: hooks.filter(({ name }) => inHooks || name === 'shoal-terminate'),
  });
  return arn;
}

/** What the parameters ask for. */
function desired(operate: Operate): Config {
  const path = '/shoal/demo/';
  const { Parameters } = operate('ssm', 'GetParametersByPath', { Path: path, Recursive: true }) as Page;
  const settings = readSettings(
    Parameters.map(({ Name, Value: value }) => ({
      ...{ name: Name.slice(path.length), value },
      ...{ version: 1, modifiedAt: 0 },
    })),
  );
  if ('mistakes' in settings) throw new Error(JSON.stringify(settings.mistakes));
  return renderConfig(settings.settings);
}

function historiesBelow(path: string, operate: Operate): Snapshot['parameters'] {
  const names: string[] = [];
  for (let NextToken: string | undefined, more = true; more; more = NextToken !== undefined) {
    const page = operate('ssm', 'GetParametersByPath', { Path: path, Recursive: true, NextToken }) as Page;
    names.push(...page.Parameters.map(({ Name }) => Name));
    NextToken = page.NextToken;
  }
  return names.map((Name) => {
    const { Parameters } = operate('ssm', 'GetParameterHistory', { Name }) as Page;
    return [Name, Parameters.map(({ Value }) => Value)];
  });
}

interface Page {
  Parameters: { Name: string; Value: string }[];
  NextToken?: string;
}

/** The same in every run, so that a schedule that fails can be run again. */
function seeded(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
