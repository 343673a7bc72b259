import { readFileSync } from 'node:fs';
import * as ssm from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sessionArn } from '../../region/access.ts';
import { readTemplate } from '../../region/template.ts';
import { type AccessBed, allow, createAccessBed } from './access-bed.ts';
import { groupSpec, until } from './bed.ts';

/** What the role of an instance lets its agent do, and nobody else there. */

let bed: AccessBed;
beforeEach(() => {
  bed = createAccessBed();
});
afterEach(() => bed.close());

describe('an instance', () => {
  const agent = ['ssm:UpdateInstanceInformation'].concat(
    ['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel', 'OpenDataChannel'].map(
      (it) => `ssmmessages:${it}`,
    ),
  );
  const online = async () => {
    const { InstanceInformationList: found } = (await bed.world.commands.service.operations
      .DescribeInstanceInformation!(
      {},
      { identity: '', accessKeyId: '', requestId: '' },
    )) as ssm.DescribeInstanceInformationResult;
    return found?.length ?? 0;
  };
  const launch = async (profile: string | undefined) => {
    bed.access.addLaunchTemplate('lt-1', profile);
    bed.world.autoscaling.createGroup(
      groupSpec({ launchTemplate: { id: 'lt-1', name: 'lt-1', version: '1' } }),
    );
    await until(() => bed.world.instances.all()[0]?.state === 'running');
    await new Promise((resolve) => setTimeout(resolve, 20));
  };

  test('whose role lets its agent work is online', async () => {
    bed.give([allow(agent)], { role: 'instance' });
    await launch(bed.access.addProfile('instance', 'instance'));
    expect(await online()).toBe(1);
  });

  test.each(agent)('whose role lacks %s stays offline, and it is said', async (action) => {
    bed.give([allow(agent.filter((it) => it !== action))], { role: 'instance' });
    await launch(bed.access.addProfile('instance', 'instance'));
    expect(await online()).toBe(0);
    const [{ instanceId } = { instanceId: '' }] = bed.world.instances.all();
    const [denial] = bed.access.denials;
    expect(denial?.message).toContain(
      `assumed-role/instance/${instanceId} is not authorized to perform: ${action}`,
    );
  });

  test('without a role stays offline', async () => {
    await launch(undefined);
    expect(await online()).toBe(0);
  });
});

describe('the instances of a fleet', () => {
  const asInstance = () => {
    const { Role } = Object.fromEntries(
      [...bed.stacks.stack('demo')!.resources.values()].map(({ type, id }) => [type.split('::')[2], id]),
    );
    return sessionArn(String(Role), 'i-1');
  };
  beforeEach(() => {
    const fleet = readTemplate(readFileSync('infra/fleet.yml', 'utf8'));
    bed.stacks.deploy('demo', fleet, {
      ...{ FleetName: 'demo', VpcId: 'vpc-1', SubnetIds: 'subnet-a,subnet-c', ClientCidrs: '10.0.0.0/8' },
      RouteTableIds: 'rtb-1',
      ...{
        MinSize: '0',
        MaxSize: '2',
        DesiredCapacity: '1',
        ProbeUrl: 'https://probe.example',
        AccessLog: 'yes',
      },
    });
  });

  test.each<[string, (name: string) => object]>([
    ['GetParameter', (Name) => ({ Name })],
    ['GetParameters', (name) => ({ Names: [name] })],
    ['GetParameterHistory', (Name) => ({ Name })],
    ['GetParametersByPath', (name) => ({ Path: name.replace(/\/[^/]*$/, ''), Recursive: true })],
    ['PutParameter', (Name) => ({ Name, Value: 'x', Overwrite: true })],
    ['DeleteParameters', (name) => ({ Names: [name] })],
  ])('can do %s with no fleet’s parameters, and with no state', async (operation, input) => {
    const { Parameters: own } = (await bed.world.parameters.service.operations.GetParametersByPath!(
      { Path: '/', Recursive: true },
      { identity: '', accessKeyId: '', requestId: '' },
    )) as ssm.GetParametersByPathResult;
    const names = [...own!.map(({ Name }) => Name!), '/shoal/other/port', '/shoal-state/demo/status'];
    expect(names.length).toBeGreaterThan(5);
    for (const name of names)
      await expect(bed.call(ssm, operation, input(name), asInstance())).rejects.toThrow(
        `not authorized to perform: ssm:${operation}`,
      );
  });

  test('may write their own access log, and no other', () => {
    const resources = [...bed.stacks.stack('demo')!.resources.values()];
    const { id = '' } = resources.find(({ type }) => type === 'AWS::Logs::LogGroup') ?? {};
    const denial = (group: string) => {
      const stream = `arn:aws:logs:ap-northeast-1:000000000000:log-group:${group}:log-stream:i-1`;
      return bed.access.denial(asInstance(), { action: 'logs:PutLogEvents', resource: stream });
    };
    expect(denial(id)).toBe(undefined);
    expect(denial('/aws/lambda/shoal-admit')).toContain('not authorized to perform: logs:PutLogEvents');
  });

  test('have agents that come online, and need all that their role allows', async () => {
    await until(() => bed.world.instances.all().some((it) => it.agentOnlineAt < Date.now()));
    const [role] = bed.access.roles.values();
    const texts = role!.statements.flatMap(({ actions }) => actions.map(({ text }) => text));
    // What sends the log runs on a host alone.
    expect(texts.splice(-2)).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
    expect([...new Set([...role!.used.values()].flatMap((it) => [...it]))]).toEqual(
      expect.arrayContaining(texts),
    );
    expect(bed.access.denials).toEqual([]);
  });
});
