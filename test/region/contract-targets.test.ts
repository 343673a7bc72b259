import { setTimeout as pause } from 'node:timers/promises';
import * as elb from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import { until } from './bed.ts';
import { contract, refusal } from './contract.ts';

contract('Elastic Load Balancing', (region) => {
  const target = () => ({ TargetGroupArn: region.targetGroupArn, Targets: [{ Id: region.instanceId }] });
  const healthOf = async (input: Partial<elb.DescribeTargetHealthCommandInput> = {}) => {
    const command = new elb.DescribeTargetHealthCommand({ TargetGroupArn: region.targetGroupArn, ...input });
    return (await region.clients.elb.send(command)).TargetHealthDescriptions;
  };
  const none = 'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/none/0123456789abcdef';

  test('registers, checks and deregisters a target', async () => {
    expect(await healthOf({ Targets: [{ Id: region.instanceId }] })).toMatchObject([
      { TargetHealth: { State: 'unused', Reason: 'Target.NotRegistered' } },
    ]);
    await region.clients.elb.send(new elb.RegisterTargetsCommand(target()));
    await until(() => region.bed.routes.at(-1)?.targets[0] === '10.0.0.1:3128');
    while ((await healthOf())?.[0]?.TargetHealth?.State !== 'healthy') await pause(2);
    expect(await healthOf()).toEqual([
      {
        Target: { Id: region.instanceId, Port: 3128 },
        HealthCheckPort: '3128',
        TargetHealth: { State: 'healthy' },
      },
    ]);
    await region.clients.elb.send(new elb.DeregisterTargetsCommand(target()));
    expect(await healthOf()).toMatchObject([
      { TargetHealth: { State: 'draining', Reason: 'Target.DeregistrationInProgress' } },
    ]);
    await region.clients.elb.send(new elb.DeregisterTargetsCommand(target()));
  });

  test('refuses a group that is not there and an instance that is not running', async () => {
    const missing = ['TargetGroupNotFoundException', 'One or more target groups not found'];
    for (const command of [
      new elb.RegisterTargetsCommand({ ...target(), TargetGroupArn: none }),
      new elb.DeregisterTargetsCommand({ ...target(), TargetGroupArn: none }),
      new elb.DescribeTargetHealthCommand({ TargetGroupArn: none }),
      new elb.DescribeTargetGroupsCommand({ TargetGroupArns: [none] }),
      new elb.DescribeTargetGroupAttributesCommand({ TargetGroupArn: none }),
      new elb.DescribeTagsCommand({ ResourceArns: [none] }),
    ]) {
      expect(await refusal(region.clients.elb.send(command as never))).toEqual(missing);
    }
    await region.bed.world.instances.terminate(region.instanceId);
    expect((await refusal(region.clients.elb.send(new elb.RegisterTargetsCommand(target()))))?.[0]).toBe(
      'InvalidTargetException',
    );
  });

  test('describes target groups, their attributes and tags', async () => {
    const { TargetGroups } = await region.clients.elb.send(
      new elb.DescribeTargetGroupsCommand({ Names: ['proxies'] }),
    );
    expect(TargetGroups).toMatchObject([
      {
        TargetGroupArn: region.targetGroupArn,
        Port: 3128,
        Protocol: 'TCP',
        TargetType: 'instance',
        VpcId: 'vpc-1',
      },
    ]);
    expect(TargetGroups?.[0]?.LoadBalancerArns).toHaveLength(1);
    const { Attributes } = await region.clients.elb.send(
      new elb.DescribeTargetGroupAttributesCommand({ TargetGroupArn: region.targetGroupArn }),
    );
    expect(Attributes).toContainEqual({ Key: 'deregistration_delay.timeout_seconds', Value: '300' });
    expect(Attributes).toContainEqual({ Key: 'preserve_client_ip.enabled', Value: 'true' });
    const { TagDescriptions } = await region.clients.elb.send(
      new elb.DescribeTagsCommand({ ResourceArns: [region.targetGroupArn] }),
    );
    expect(TagDescriptions).toEqual([
      { ResourceArn: region.targetGroupArn, Tags: [{ Key: 'shoal:fleet', Value: 'tokyo' }] },
    ]);
  });

  test('changes attributes of a target group, each to what it can be', async () => {
    const modify = (Key: string, Value: string, TargetGroupArn = region.targetGroupArn) => {
      const Attributes = [{ Key, Value }];
      return region.clients.elb.send(
        new elb.ModifyTargetGroupAttributesCommand({ TargetGroupArn, Attributes }),
      );
    };
    const delay = 'deregistration_delay.timeout_seconds';
    expect((await modify(delay, '20')).Attributes).toContainEqual({ Key: delay, Value: '20' });
    expect((await refusal(modify(delay, '3601')))?.[0]).toBe('ValidationError');
    expect((await refusal(modify('preserve_client_ip.enabled', 'yes')))?.[0]).toBe('ValidationError');
    expect((await refusal(modify('colour', 'red')))?.[0]).toBe('ValidationError');
    expect((await refusal(modify(delay, '20', none)))?.[0]).toBe('TargetGroupNotFoundException');
  });

  test('without a listener a target is unused, and with one again it is checked', async () => {
    await region.clients.elb.send(new elb.RegisterTargetsCommand(target()));
    const { LoadBalancers } = await region.clients.elb.send(new elb.DescribeLoadBalancersCommand({}));
    const LoadBalancerArn = LoadBalancers![0]!.LoadBalancerArn;
    const { Listeners } = await region.clients.elb.send(
      new elb.DescribeListenersCommand({ LoadBalancerArn }),
    );
    const DefaultActions = [{ Type: 'forward' as const, TargetGroupArn: region.targetGroupArn }];
    const create = () =>
      region.clients.elb.send(
        new elb.CreateListenerCommand({ LoadBalancerArn, Protocol: 'TCP', Port: 3128, DefaultActions }),
      );
    const remove = () =>
      region.clients.elb.send(new elb.DeleteListenerCommand({ ListenerArn: Listeners![0]!.ListenerArn }));
    expect((await refusal(create()))?.[0]).toBe('DuplicateListenerException');
    await remove();
    expect((await refusal(remove()))?.[0]).toBe('ListenerNotFoundException');
    expect(await healthOf()).toMatchObject([
      { TargetHealth: { State: 'unused', Reason: 'Target.NotInUse' } },
    ]);
    await create();
    while ((await healthOf())?.[0]?.TargetHealth?.State !== 'healthy') await pause(2);
  });

  test('a listener that is switched sends new connections to the other group, and back', async () => {
    const { targets } = region.bed.world;
    await region.clients.elb.send(new elb.RegisterTargetsCommand(target()));
    await expect.poll(async () => (await healthOf())?.[0]?.TargetHealth?.State).toBe('healthy');
    const other = targets.createTargetGroup({ name: 'other', port: 3129, vpcId: 'vpc-1', tags: {} });
    const { LoadBalancers } = await region.clients.elb.send(new elb.DescribeLoadBalancersCommand({}));
    const LoadBalancerArn = LoadBalancers![0]!.LoadBalancerArn;
    const { Listeners } = await region.clients.elb.send(
      new elb.DescribeListenersCommand({ LoadBalancerArn }),
    );
    const ListenerArn = Listeners![0]!.ListenerArn;
    const forwardTo = (TargetGroupArn: string) =>
      region.clients.elb.send(
        new elb.ModifyListenerCommand({ ListenerArn, DefaultActions: [{ Type: 'forward', TargetGroupArn }] }),
      );
    // It has a listener of its own, so it is checked while the other one has the clients.
    targets.createListener({
      loadBalancerArn: LoadBalancerArn!,
      port: 3201,
      targetGroupArn: region.targetGroupArn,
      tags: {},
    });
    const routed = () => region.bed.routes.findLast(({ port }) => port === 3128);
    const before = routed();
    expect((await forwardTo(other.arn)).Listeners).toMatchObject([
      { ListenerArn, DefaultActions: [{ TargetGroupArn: other.arn }] },
    ]);
    expect(routed()).toEqual({ port: 3128, targets: [], reset: [] });
    expect(await healthOf()).toMatchObject([{ TargetHealth: { State: 'healthy' } }]);
    await forwardTo(region.targetGroupArn);
    expect(routed()).toEqual(before);
  });

  test('a stopped target is unused until it runs again', async () => {
    const { instances } = region.bed.world;
    // Of no group, which would replace it.
    const { instanceId: Id } = await instances.launch('i-0cccccccccccccccc', 'ap-northeast-1a', {});
    await region.clients.elb.send(new elb.RegisterTargetsCommand({ ...target(), Targets: [{ Id }] }));
    const state = async () => (await healthOf())?.[0]?.TargetHealth;
    await expect.poll(state, { timeout: 10_000 }).toEqual({ State: 'healthy' });
    await instances.stop(Id);
    expect(await state()).toMatchObject({ State: 'unused', Reason: 'Target.InvalidState' });
    region.bed.hosts.get(Id)!.accepting = true;
    instances.start(Id);
    await expect.poll(state, { timeout: 10_000 }).toEqual({ State: 'healthy' });
  });

  test('describes load balancers and their listeners', async () => {
    const { LoadBalancers } = await region.clients.elb.send(new elb.DescribeLoadBalancersCommand({}));
    expect(LoadBalancers).toMatchObject([
      { LoadBalancerName: 'nlb', Type: 'network', State: { Code: 'active' } },
    ]);
    const LoadBalancerArn = LoadBalancers![0]!.LoadBalancerArn;
    const { Listeners } = await region.clients.elb.send(
      new elb.DescribeListenersCommand({ LoadBalancerArn }),
    );
    expect(Listeners).toMatchObject([
      {
        Port: 3128,
        Protocol: 'TCP',
        DefaultActions: [{ Type: 'forward', TargetGroupArn: region.targetGroupArn }],
      },
    ]);
    const unnamed = region.clients.elb.send(new elb.DescribeListenersCommand({}));
    expect((await refusal(unnamed))?.[0]).toBe('ValidationError');
    const lost = region.clients.elb.send(new elb.DescribeLoadBalancersCommand({ Names: ['none'] }));
    expect((await refusal(lost))?.[0]).toBe('LoadBalancerNotFoundException');
  });
});
