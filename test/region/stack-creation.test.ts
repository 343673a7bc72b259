import * as cloudformation from '@aws-sdk/client-cloudformation';
import { afterAll, expect, test, vi } from 'vitest';
import { requestHandler } from '../../region/http.ts';
import { templateRegion } from '../infra/fleet-bed.ts';
import { refusal } from './contract.ts';

const region = templateRegion();
const client = new cloudformation.CloudFormationClient({
  ...{ region: 'ap-northeast-1', credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' } },
  ...{ endpoint: 'http://region', requestHandler: requestHandler(region.world.wire) as never },
});
afterAll(() => region.close());

const create = (TemplateBody: string, more: Partial<cloudformation.CreateStackCommandInput> = {}) =>
  client.send(
    new cloudformation.CreateStackCommand({
      ...{ StackName: 'one', TemplateBody, OnFailure: 'DO_NOTHING' },
      ...more,
    }),
  );
const describeOne = async () =>
  (await client.send(new cloudformation.DescribeStacksCommand({ StackName: 'one' }))).Stacks?.[0];
const removeOne = async () => {
  await client.send(new cloudformation.DeleteStackCommand({ StackName: 'one' }));
  await vi.waitFor(async () => expect((await refusal(describeOne()))?.[0]).toBe('ValidationError'));
};

test('a stack is created with its parameters, and only once', async () => {
  const template = `
    Parameters: { Value: { Type: String } }
    Resources: { It: { Type: AWS::SSM::Parameter, Properties: { Name: /one, Type: String, Value: !Ref Value } } }`;
  const Parameters = [{ ParameterKey: 'Value', ParameterValue: 'given' }];
  const { StackId } = await create(template, { Parameters });
  expect(await describeOne()).toMatchObject({ StackId, StackStatus: 'CREATE_COMPLETE' });
  expect((await refusal(create(template, { Parameters })))?.[0]).toBe('AlreadyExistsException');
  await removeOne();
});

test('what cannot be made leaves a stack that says why and can be deleted', async () => {
  await create('Resources: { Topic: { Type: AWS::SNS::Topic }, Other: { Type: AWS::EC2::Fleet } }');
  expect(await describeOne()).toMatchObject({
    StackStatus: 'CREATE_FAILED',
    StackStatusReason: expect.stringContaining('Other (AWS::EC2::Fleet)'),
  });
  await removeOne();
});

const role = 'Resources: { It: { Type: AWS::IAM::Role, Properties: { RoleName: x } } }';

test.each([
  ['a template without resources', 'Outputs: {}', {}, 'ValidationError'],
  ['a parameter that it lacks', 'Parameters: { V: { Type: String } }\nResources: {}', {}, 'ValidationError'],
  ['more than 51,200 characters', `# ${'x'.repeat(51_200)}`, {}, 'ValidationError'],
  ['a name with a dot', role, { StackName: 'a.b' }, 'ValidationError'],
  ['a role that nobody acknowledges', role, {}, 'InsufficientCapabilitiesException'],
  [
    'a named role acknowledged as one without',
    role,
    { Capabilities: ['CAPABILITY_IAM' as const] },
    'InsufficientCapabilitiesException',
  ],
  ['a way back that the region has not', role, { OnFailure: 'ROLLBACK' as const }, 'ValidationError'],
])('refuses %s', async (_, template, more, code) => {
  expect((await refusal(create(template, more)))?.[0]).toBe(code);
  expect((await refusal(describeOne()))?.[0]).toBe('ValidationError');
});
