import { setTimeout as pause } from 'node:timers/promises';
import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as elb from '@aws-sdk/client-elastic-load-balancing-v2';
import * as ssm from '@aws-sdk/client-ssm';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../scripts/shoal/operator.ts';
import { parameters } from '../../shared/aws/parameters.ts';
import type { FleetReport } from '../../shared/control/status.ts';
import { runShoal } from '../shoal-bed.ts';
import type { Place } from './place.ts';

/** The three uses of a fleet, over the wire and in real time: launches, departures and edits. */
const place: Place = JSON.parse(process.env.SHOAL_PLACE ?? '{}');
const { localEndpoint, region, prefix, stage, network, pauseMs, patienceMs } = place;
const groups = new autoscaling.AutoScalingClient({ region });
const targets = new elb.ElasticLoadBalancingV2Client({ region });
const systems = new ssm.SSMClient({ region });
const store = parameters(systems);
const operator = connect({ prefix, region });
const AutoScalingGroupName = `${prefix}-demo`;

const status = () => operator.ask<FleetReport>({ fleet: 'demo', mode: 'status' });
const edit = (name: string, Value: string) =>
  systems.send(new ssm.PutParameterCommand({ Name: `/${prefix}/demo/${name}`, Value, Overwrite: true }));
const at = localEndpoint ? ['--port', new URL(localEndpoint).port] : ['--region', region];
const shoal = (...words: string[]) => runShoal([...words, '--stage', stage, ...at], process.env);

/** Looks again until the report is so; fails with the last one. */
async function until(wanted: (report: FleetReport) => boolean): Promise<FleetReport> {
  for (const end = Date.now() + patienceMs; ; await pause(pauseMs)) {
    const report = await status();
    if (wanted(report)) return report;
    if (Date.now() > end) expect.fail(`not within ${patienceMs / 1000} s:\n${report.text}`);
  }
}

const serving = ({ instances }: FleetReport) =>
  instances.filter(({ lifecycle }) => lifecycle === 'InService');
const ids = (report: FleetReport) => serving(report).map(({ instance }) => instance);
/** So many in service, each healthy and on what is live. */
const isWell = (count: number) => (report: FleetReport) =>
  report.well &&
  serving(report).length === count &&
  serving(report).every(({ target, running }) => target === 'healthy' && running === report.live?.sha256);

const resize = (DesiredCapacity: number) =>
  groups.send(new autoscaling.SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity }));

/** Runs a document of this run's on an instance, and answers what it printed. */
async function runOn(instance: string, document: string): Promise<string> {
  const send = {
    DocumentName: `${prefix}-${document}`,
    InstanceIds: [instance],
    Parameters: { mode: ['check'] },
  };
  const CommandId = (await systems.send(new ssm.SendCommandCommand(send))).Command?.CommandId;
  for (const end = Date.now() + patienceMs; ; await pause(pauseMs)) {
    const command = new ssm.ListCommandInvocationsCommand({ CommandId, Details: true });
    const [found] = (await systems.send(command)).CommandInvocations ?? [];
    if (found?.Status === 'Success') return found.CommandPlugins?.[0]?.Output ?? '';
    if (Date.now() > end) throw new Error(`${document} on ${instance}: ${found?.StatusDetails}`);
  }
}

describe.skipIf(!network)('a fleet (needs VPC_ID and SUBNET_IDS)', () => {
  let runsScripts = false;
  const simulated = 'simulated hosts run no script';

  beforeAll(async () => {
    const [instance = ''] = ids(await until(isWell(2)));
    runsScripts = (await runOn(instance, 'contract')).trim() === 'check nothing';
  });

  test('a launch is proven and healthy before it serves', async () => {
    await resize(3);
    const seen = await until((report) => ids(report).length === 3);
    for (const one of serving(seen))
      expect(one).toMatchObject({ target: 'healthy', running: seen.live?.sha256 });
    await until(isWell(3));
  });

  test('an edit is live on every instance', async () => {
    const before = await status();
    await edit('allowed-cidrs', '10.0.0.0/8,172.31.0.0/24');
    const after = await until((report) => report.live?.sha256 !== before.live?.sha256 && isWell(3)(report));
    expect(ids(after).sort()).toEqual(ids(before).sort());
  });

  test('an edit with a mistake is told, and live stays', async () => {
    const before = await status();
    await edit('allowed-cidrs', '10.0.0.0/33');
    const told = await until(({ mistakes }) => mistakes.length > 0);
    expect(told).toMatchObject({ well: false, serving: true, mistakes: [{ parameter: 'allowed-cidrs' }] });
    expect(told.live).toEqual(before.live);
    await edit('allowed-cidrs', '10.0.0.0/8,172.31.0.0/24');
    await until(isWell(3));
  });

  test('an edit that no host can run is rejected by the first', async ({ skip }) => {
    if (!runsScripts) skip(simulated);
    const before = await status();
    const name = 'extra-directives';
    const Value = 'access_log stdio:/nonexistent/access.log';
    await systems.send(
      new ssm.PutParameterCommand({
        Name: `/${prefix}/demo/${name}`,
        Value,
        Type: 'String',
        Overwrite: true,
      }),
    );
    const told = await until(({ rejected, rollout }) => rejected !== null && rollout === null);
    expect(told).toMatchObject({ serving: true, live: { sha256: before.live?.sha256 } });
    await store.delete([`/${prefix}/demo/${name}`]);
    await until(isWell(3));
  });

  test('an edit by hand on a host is found and repaired', async ({ skip }) => {
    if (!runsScripts) skip(simulated);
    const [instance = ''] = ids(await status());
    await runOn(instance, 'by-hand');
    await until(({ instances }) =>
      instances.some((it) => it.instance === instance && it.host.startsWith('unproven')),
    );
    await until(isWell(3));
  });

  test('a way back by hand stays until the parameters are applied', async () => {
    const now = await status();
    const back = await shoal('rollback', 'demo', '--yes', '--json');
    expect(JSON.parse(back.stdout)).toMatchObject({ well: false, serving: true });
    expect((await status()).live?.sha256).not.toBe(now.live?.sha256);
    const again = await shoal('apply', 'demo', '--yes');
    expect(again.stdout).toContain('\nwell since');
    expect((await until(isWell(3))).live?.sha256).toBe(now.live?.sha256);
  });

  test('an instance in standby takes no clients, and serves again afterwards', async () => {
    const [InstanceId = ''] = ids(await status());
    const input = { AutoScalingGroupName, InstanceIds: [InstanceId] };
    const decrement = { ShouldDecrementDesiredCapacity: true };
    await groups.send(new autoscaling.EnterStandbyCommand({ ...input, ...decrement }));
    const out = await until(({ instances }) =>
      instances.some(
        (it) => it.instance === InstanceId && it.lifecycle === 'Standby' && it.target !== 'healthy',
      ),
    );
    expect(ids(out)).not.toContain(InstanceId);
    await groups.send(new autoscaling.ExitStandbyCommand(input));
    expect(ids(await until(isWell(3)))).toContain(InstanceId);
  });

  test('an instance that somebody deregisters is registered again', async () => {
    const [Id = ''] = ids(await status());
    const TargetGroupArn = (await store.get(`/${prefix}/demo/target-group-arn`))?.value;
    await targets.send(new elb.DeregisterTargetsCommand({ TargetGroupArn, Targets: [{ Id }] }));
    await until(({ instances }) => instances.some((it) => it.instance === Id && it.target !== 'healthy'));
    await until(isWell(3));
  });

  test('an instance that is ended is drained and replaced', async () => {
    const before = ids(await status());
    const [InstanceId = ''] = before;
    const once = { InstanceId, ShouldDecrementDesiredCapacity: false };
    await groups.send(new autoscaling.TerminateInstanceInAutoScalingGroupCommand(once));
    await until(({ instances }) =>
      instances.some((it) => it.instance === InstanceId && it.target === 'draining'),
    );
    const after = await until((report) => !ids(report).includes(InstanceId) && isWell(3)(report));
    expect(ids(after).filter((id) => before.includes(id))).toHaveLength(2);
  });

  test('scaling in drains what leaves, and the others go on', async () => {
    const before = ids(await status());
    await resize(2);
    // Lifecycle and target are asked for one after the other.
    await until(
      (report) => ids(report).length === 2 && report.instances.some(({ target }) => target === 'draining'),
    );
    const after = await until((report) => report.instances.length === 2 && isWell(2)(report));
    expect(before).toEqual(expect.arrayContaining(ids(after)));
  });

  test('no event was given up', async () => {
    const { code, stdout, stderr } = await shoal('dead-letters');
    expect(stderr + stdout).toContain(`0 dead letters in ${prefix}-`);
    expect(code).toBe(0);
  });
});
