import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as ssm from '@aws-sdk/client-ssm';
import * as sts from '@aws-sdk/client-sts';
import { expect, test } from 'vitest';
import { contract, refusal } from './contract.ts';

contract('every protocol', (region) => {
  test('names the caller by the identity of its access key', async () => {
    region.bed.world.wire.identities.set('AKIATEST', 'arn:aws:sts::000000000000:assumed-role/shoal/admit');
    const answer = await region.clients.sts.send(new sts.GetCallerIdentityCommand({}));
    expect(answer).toMatchObject({
      Account: '000000000000',
      Arn: 'arn:aws:sts::000000000000:assumed-role/shoal/admit',
      UserId: 'AKIATEST:admit',
    });
    expect(region.bed.world.wire.log.at(-1)).toMatchObject({
      service: 'sts',
      operation: 'GetCallerIdentity',
      identity: 'arn:aws:sts::000000000000:assumed-role/shoal/admit',
      requestId: answer.$metadata.requestId,
    });
  });

  test('takes an unknown access key for the administrator', async () => {
    const answer = await region.clients.sts.send(new sts.GetCallerIdentityCommand({}));
    expect(answer.Arn).toBe('arn:aws:iam::000000000000:root');
  });

  test('refuses an operation that the region does not have', async () => {
    expect(await refusal(region.clients.ssm.send(new ssm.ListDocumentsCommand({})))).toEqual([
      'UnknownOperationException',
      'UnknownError',
    ]);
    expect(
      await refusal(region.clients.autoscaling.send(new autoscaling.DescribePoliciesCommand({}))),
    ).toEqual(['InvalidAction', 'Could not find operation DescribePolicies for version 2011-01-01']);
    expect(await refusal(region.clients.sts.send(new sts.GetSessionTokenCommand({})))).toEqual([
      'InvalidAction',
      'Could not find operation GetSessionToken for version 2011-06-15',
    ]);
  });

  test('refuses a member that the region does not honour', async () => {
    const tagged = new ssm.PutParameterCommand({
      Name: '/a',
      Value: 'v',
      Type: 'String',
      Tags: [{ Key: 'k', Value: 'v' }],
    });
    expect((await refusal(region.clients.ssm.send(tagged)))?.[0]).toBe('ValidationException');
    const cooled = new autoscaling.SetDesiredCapacityCommand({
      AutoScalingGroupName: 'proxies',
      DesiredCapacity: 2,
      HonorCooldown: true,
    });
    expect(await refusal(region.clients.autoscaling.send(cooled))).toEqual([
      'ValidationError',
      "1 validation error detected: Value 'true' at 'honorCooldown' failed to satisfy constraint: Member is not supported in this region",
    ]);
    expect(region.bed.world.autoscaling.group('proxies')?.desiredCapacity).toBe(1);
  });

  test('answers a fault that was ordered', async () => {
    const { AwsError } = await import('../../region/service.ts');
    let left = 2;
    region.bed.world.wire.fault = ({ operation }) =>
      operation === 'GetParameters' && left-- > 0
        ? new AwsError('ThrottlingException', 'Rate exceeded')
        : undefined;
    const answer = await region.clients.ssm.send(new ssm.GetParametersCommand({ Names: ['/none'] }));
    expect(answer.$metadata.attempts).toBe(3);
    expect(region.bed.world.wire.log.map(({ error }) => error)).toEqual([
      'ThrottlingException',
      'ThrottlingException',
      undefined,
    ]);
  });
});
