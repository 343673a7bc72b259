import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen } from '../../region/http.ts';
import { hasCliModule, startAwsCli } from './aws-cli.ts';
import { createBed } from './bed.ts';
import { populate } from './contract.ts';

/**
 * Every operation of the services below through the AWS CLI, once well and once refused. The rest of the
 * contract, and what the answers hold, is asserted through the SDK.
 */
describe.skipIf(!hasCliModule)('the AWS CLI as a Python module (skipped where there is none)', () => {
  const bed = createBed();
  let server: Awaited<ReturnType<typeof listen>>;
  let cli: ReturnType<typeof startAwsCli>;
  let made: Awaited<ReturnType<typeof populate>>;
  let commandId = '';
  beforeAll(async () => {
    server = await listen(bed.world.wire, 0);
    cli = startAwsCli(`http://127.0.0.1:${server.port}`);
    made = await populate(bed);
    const send = 'ssm send-command --document-name shoal-apply --parameters mode=check --instance-ids';
    const { stdout } = await cli.run(...send.split(' '), made.instanceId);
    commandId = JSON.parse(stdout).Command.CommandId;
  });
  afterAll(async () => {
    cli.end();
    await server.close();
    await bed.world.close();
  });

  const group = '--auto-scaling-group-name proxies';
  const noGroup = '--auto-scaling-group-name none';
  const noArn = 'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/none/0123456789abcdef';
  // Words for the service, what succeeds, what is refused, and AWS's code for that; $… stands for what was made.
  const calls: [service: string, good: string, refused: string, code: string][] = [
    ['autoscaling', 'describe-auto-scaling-groups', '--filters Name=colour,Values=red', 'ValidationError'],
    ['autoscaling', 'describe-auto-scaling-instances', '--max-records 1000', 'ValidationError'],
    ['autoscaling', `describe-lifecycle-hooks ${group}`, noGroup, 'ValidationError'],
    ['autoscaling', `describe-scaling-activities ${group}`, noGroup, 'ValidationError'],
    [
      'autoscaling',
      `set-desired-capacity ${group} --desired-capacity 1`,
      `${noGroup} --desired-capacity 1`,
      'ValidationError',
    ],
    [
      'ssm',
      'put-parameter --name /a/b --value x --type String',
      '--name a/b --value x --type String',
      'ValidationException',
    ],
    ['ssm', 'get-parameter --name /a/b', '--name /a/c', 'ParameterNotFound'],
    ['ssm', 'get-parameters --names /a/b', '--names /a/b /a/b', 'ValidationException'],
    ['ssm', 'get-parameters-by-path --path /a', '--path a', 'ValidationException'],
    ['ssm', 'get-parameter-history --name /a/b', '--name /a/c', 'ParameterNotFound'],
    ['ssm', 'delete-parameter --name /a/b', '--name /a/b', 'ParameterNotFound'],
    ['ssm', 'delete-parameters --names /a/b', '--names 1 2 3 4 5 6 7 8 9 10 11', 'ValidationException'],
    [
      'ssm',
      'send-command --document-name shoal-apply --parameters mode=check --instance-ids $instance',
      '--document-name other --instance-ids $instance',
      'InvalidDocument',
    ],
    ['ssm', 'list-commands', '--filters key=Colour,value=red', 'ValidationException|InvalidFilterKey'],
    [
      'ssm',
      'list-command-invocations --command-id $command',
      '--filters key=Colour,value=red',
      'ValidationException|InvalidFilterKey',
    ],
    [
      'ssm',
      'get-command-invocation --command-id $command --instance-id $instance',
      '--command-id $command --instance-id i-0123456789abcdef0',
      'InvocationDoesNotExist',
    ],
    [
      'ssm',
      'cancel-command --command-id $command',
      '--command-id 00000000-0000-4000-8000-000000000000',
      'InvalidCommandId',
    ],
    [
      'ssm',
      'describe-instance-information',
      '--filters Key=Colour,Values=red',
      'InvalidInstanceInformationFilterValue|InvalidFilterKey|ValidationException',
    ],
    ['elbv2', 'describe-target-groups', '--names none', 'TargetGroupNotFound'],
    [
      'elbv2',
      'describe-target-group-attributes --target-group-arn $target',
      `--target-group-arn ${noArn}`,
      'TargetGroupNotFound',
    ],
    [
      'elbv2',
      'modify-target-group-attributes --target-group-arn $target --attributes Key=deregistration_delay.timeout_seconds,Value=20',
      '--target-group-arn $target --attributes Key=colour,Value=red',
      'InvalidConfigurationRequest|ValidationError',
    ],
    ['elbv2', 'describe-load-balancers', '--names none', 'LoadBalancerNotFound'],
    ['elbv2', 'describe-tags --resource-arns $target', `--resource-arns ${noArn}`, 'TargetGroupNotFound'],
    [
      'elbv2',
      'register-targets --target-group-arn $target --targets Id=$instance',
      '--target-group-arn $target --targets Id=i-0123456789abcdef0',
      'InvalidTarget',
    ],
    [
      'elbv2',
      'describe-target-health --target-group-arn $target',
      `--target-group-arn ${noArn}`,
      'TargetGroupNotFound',
    ],
    [
      'elbv2',
      'deregister-targets --target-group-arn $target --targets Id=$instance',
      `--target-group-arn ${noArn} --targets Id=$instance`,
      'TargetGroupNotFound',
    ],
    [
      'elbv2',
      'describe-listeners --load-balancer-arn $balancer',
      '--load-balancer-arn $none',
      'LoadBalancerNotFound',
    ],
    ['elbv2', 'delete-listener --listener-arn $listener', '--listener-arn $listener', 'ListenerNotFound'],
    [
      'elbv2',
      'create-listener --load-balancer-arn $balancer --protocol TCP --port 3129 --default-actions Type=forward,TargetGroupArn=$target',
      '--load-balancer-arn $none --protocol TCP --port 3129 --default-actions Type=forward,TargetGroupArn=$target',
      'LoadBalancerNotFound',
    ],
  ];

  test('every call succeeds once and is refused once', { timeout: 120_000 }, async () => {
    const json = async (words: string) => JSON.parse((await cli.run(...words.split(' '))).stdout);
    const balancer: string = (await json('elbv2 describe-load-balancers')).LoadBalancers[0].LoadBalancerArn;
    const listeners = await json(`elbv2 describe-listeners --load-balancer-arn ${balancer}`);
    const names: Record<string, string> = {
      ...{ instance: made.instanceId, command: commandId, target: made.targetGroupArn, balancer },
      ...{ listener: listeners.Listeners[0].ListenerArn, none: `${balancer.slice(0, -3)}000` },
    };
    const run = (words: string) =>
      cli.run(...words.replaceAll(/\$(\w+)/g, (_, name) => names[name] ?? '').split(' '));
    const found: unknown[] = [];
    for (const [service, good, bad, code] of calls) {
      const [operation = ''] = good.split(' ');
      // What is refused for being gone comes after what removes it.
      const done = await run(`${service} ${good}`);
      const refused = await run(`${service} ${operation} ${bad}`);
      if (done.code !== 0 || !new RegExp(`\\((${code})\\)`).test(refused.stderr))
        found.push([operation, done.stderr, refused.stderr]);
    }
    expect(found).toEqual([]);
  });
});
