import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { operatorParameters } from '../../region/pace.ts';
import { readTemplate, type Template } from '../../region/template.ts';
import type { LogEntry } from '../../region/wire.ts';
import { osls } from '../../scripts/osls.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

const root = join(import.meta.dirname, '../..');
const administrator = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
let operator: Template;
let region: Virtual;

/** Both of them have a fleet of the same name. */
beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-stages-'));
  for (const part of ['build', 'docs', 'infra', 'serverless.yml'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  osls(folder, ['package', '--stage', 'test']);
  operator = readTemplate(
    readFileSync(join(folder, '.serverless/cloudformation-template-update-stack.json'), 'utf8'),
  );
  rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  region = await virtualRegion();
  const { stacks } = region.applications;
  stacks.deploy('shoal-test', operator, operatorParameters.fast ?? {});
  stacks.deploy('demo-test', readTemplate(readFileSync(join(root, 'infra/fleet.yml'), 'utf8')), {
    ...{ FleetName: 'demo', Prefix: 'shoal-test', VpcId: 'vpc-1', SubnetIds: 'subnet-a,subnet-c' },
    ...{
      ClientCidrs: '10.9.0.0/16',
      RouteTableIds: 'rtb-1',
      MinSize: '0',
      MaxSize: '9',
      DesiredCapacity: '2',
      DeregistrationDelay: '20',
    },
  });
  await region.settled();
  await region.until(
    'the other stage is live too',
    () => live('shoal-test') && inService('shoal-test') === 2,
  );
});
afterEach(() => region.close());

const members = (prefix: string) => region.world.autoscaling.group(`${prefix}-demo`)?.members ?? [];
const inService = (prefix: string) => members(prefix).filter(({ state }) => state === 'InService').length;
const ids = (prefix: string) => members(prefix).map(({ instanceId }) => instanceId);

function live(prefix: string): string | undefined {
  try {
    const get = region.world.parameters.service.operations.GetParameter;
    const answer = get?.({ Name: `/${prefix}-state/demo/status` }, administrator);
    const { live, rollout } = JSON.parse((answer as { Parameter: { Value: string } }).Parameter.Value);
    return rollout === undefined ? live?.sha256 : undefined;
  } catch {
    return undefined;
  }
}

/** What the functions of a stage did since, reading aside. */
function changes(prefix: string, since: number): LogEntry[] {
  const whose = new RegExp(`assumed-role/${prefix}-(admit|drain|reconcile)-`);
  return region.world.wire.log
    .slice(since)
    .filter(({ identity, operation }) => whose.test(identity) && !/^(Describe|Get|List)/.test(operation));
}

const stages = [
  { stage: 'prod', one: 'shoal', other: 'shoal-test' },
  { stage: 'test', one: 'shoal-test', other: 'shoal' },
];

test.each(stages)(
  "an edit, a launch and a sweep of $stage leave the other stage's fleet alone",
  async ({ one, other }) => {
    const before = { live: live(other), members: ids(other), machines: machinesOf(other) };
    const since = region.world.wire.log.length;
    const first = live(one);
    const name = `/${one}/demo/allowed-cidrs`;
    region.world.parameters.put({
      Name: name,
      Value: '10.8.0.0/16,10.9.0.0/16,172.31.0.0/24',
      Type: 'StringList',
      Overwrite: true,
    });
    await region.until('the edit is live', () => ![undefined, first].includes(live(one)));
    region.world.autoscaling.service.operations.SetDesiredCapacity?.(
      { AutoScalingGroupName: `${one}-demo`, DesiredCapacity: 3 },
      administrator,
    );
    await region.until('it has grown', () => inService(one) === 3);
    const end = Date.now() + 30_000;
    await region.until('hosts were asked', () => Date.now() > end);

    expect({ live: live(other), members: ids(other), machines: machinesOf(other) }).toEqual(before);
    const own = changes(one, since);
    expect(own.map(({ operation }) => operation)).toEqual(
      expect.arrayContaining([
        'CompleteLifecycleAction',
        'Invoke',
        'PutParameter',
        'RegisterTargets',
        'SendCommand',
      ]),
    );
    const named = (entries: LogEntry[]) => JSON.stringify(entries.map(({ input }) => input));
    for (const id of ids(other)) expect(named(own)).not.toContain(id);
    expect(named(own).includes(`${other}-state`) || named(own).includes(`${other}-demo`)).toBe(false);
    // The other stage has swept meanwhile, and only asked its own hosts.
    const theirs = changes(other, since);
    expect(theirs.map(({ operation }) => operation)).toContain('SendCommand');
    for (const id of ids(one)) expect(named(theirs)).not.toContain(id);
    expect(region.failures).toEqual([]);
  },
);

function machinesOf(prefix: string): unknown[] {
  return ids(prefix).map((id) => {
    const { running, file, intent } = region.hosts.machines.get(id) ?? {};
    return { id, running, file, intent };
  });
}
