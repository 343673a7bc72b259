import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { readTemplate } from '../../region/template.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

/** Moving a fleet to another port or target group, as the runbook has it and as it must not be done. */

let region: Virtual;
afterEach(() => region.close());

const caller = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
const balancing = (operation: string, input: object) =>
  region.world.targets.service.operations[operation]?.(input, caller);
const healthyIn = (TargetGroupArn: string) => {
  const described = balancing('DescribeTargetHealth', { TargetGroupArn });
  const { TargetHealthDescriptions: all } = described as {
    TargetHealthDescriptions: { Target: { Id: string }; TargetHealth: { State: string } }[];
  };
  return all.filter(({ TargetHealth }) => TargetHealth.State === 'healthy').map(({ Target }) => Target.Id);
};
const resource = (stack: string, logicalId: string) =>
  region.applications.stacks.stack(stack)?.resources.get(logicalId)?.id as string;

/** A second fleet beside `demo`, in a stack of its own name. */
function deployBeside(name: string, more: Record<string, string> = {}): void {
  const template = readTemplate(readFileSync(new URL('../../infra/fleet.yml', import.meta.url), 'utf8'));
  region.applications.stacks.deploy(name, template, {
    ...{ FleetName: name, VpcId: 'vpc-1', SubnetIds: 'subnet-a,subnet-c,subnet-d' },
    ...{
      RouteTableIds: 'rtb-1',
      ClientCidrs: '172.31.0.0/24',
      MinSize: '0',
      MaxSize: '3',
      DesiredCapacity: '2',
    },
    ...more,
  });
}

test('an edit of the target group alone is refused, and moves nobody', async () => {
  region = await virtualRegion();
  await region.settled();
  deployBeside('other', { DesiredCapacity: '0' });
  const other = resource('other', 'TargetGroup');
  const before = healthyIn(region.targetGroup);
  region.put('target-group-arn', other);
  await region.until('it is refused', () =>
    region.logs.some(({ message }) =>
      String(message).includes('target-group-arn is fixed once a fleet is live'),
    ),
  );
  await region.until(
    'sweeps have passed',
    () => region.logs.filter(({ message }) => message === 'swept').length > 20,
  );
  expect(healthyIn(region.targetGroup)).toEqual(before);
  expect(healthyIn(other)).toEqual([]);
  region.put('target-group-arn', region.targetGroup);
  region.capacity(3);
  await region.until('a third serves', () => healthyIn(region.targetGroup).length === 3);
});

test('a fleet on another port comes in beside the old one, which then goes with its stack', async () => {
  region = await virtualRegion();
  await region.settled();
  deployBeside('next', { Port: '3129' });
  const group = resource('next', 'TargetGroup');
  await region.until('the new one serves', () => healthyIn(group).length === 2);
  // Its target group belongs to its own balancer, so the old one's listener can't be pointed at it.
  const switched = () =>
    balancing('ModifyListener', {
      ListenerArn: resource('demo', 'Listener'),
      DefaultActions: [{ Type: 'forward', TargetGroupArn: group }],
    });
  expect(switched).toThrow(expect.objectContaining({ code: 'TargetGroupAssociationLimit' }));
  const serving = healthyIn(group);
  region.applications.stacks.delete('demo');
  await region.until('the old one is gone', () => {
    expect(healthyIn(group)).toEqual(serving);
    return region.applications.stacks.stack('demo') === undefined;
  });
  expect(region.failures).toEqual([]);
});
