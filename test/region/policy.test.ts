import { describe, expect, test } from 'vitest';
import { judge, type Request, readPolicy } from '../../region/policy.ts';

const instance = 'arn:aws:ec2:ap-northeast-1:000000000000:instance/i-1';
const group =
  'arn:aws:autoscaling:ap-northeast-1:000000000000:autoScalingGroup:1-2:autoScalingGroupName/shoal';
const statement = { Effect: 'Allow', Action: 'ssm:SendCommand', Resource: '*' };
const request: Request = { action: 'ssm:SendCommand', resource: instance };
const verdict = (statements: object[], asked: Partial<Request> = {}) =>
  judge(readPolicy({ Statement: statements }, 'identity'), { ...request, ...asked });

test.each<[string, object[], string]>([
  ['nothing', [], 'denied'],
  ['its action', [statement], 'allowed'],
  ['its action in other letters', [{ ...statement, Action: 'SSM:sendcommand' }], 'allowed'],
  ['one of several actions', [{ ...statement, Action: ['sqs:*', 'ssm:Send*'] }], 'allowed'],
  ['an action that only begins so', [{ ...statement, Action: 'ssm:Send' }], 'denied'],
  ['a single character', [{ ...statement, Action: 'ssm:SendComman?' }], 'allowed'],
  [
    'a statement that allows and one that denies',
    [statement, { ...statement, Effect: 'Deny' }],
    'explicitly denied',
  ],
  ['a deny of something else', [statement, { ...statement, Effect: 'Deny', Action: 'sqs:*' }], 'allowed'],
  ['its resource', [{ ...statement, Resource: instance }], 'allowed'],
  ['another resource', [{ ...statement, Resource: `${instance}0` }], 'denied'],
  ['all instances', [{ ...statement, Resource: 'arn:aws:ec2:*:000000000000:instance/*' }], 'allowed'],
  ['instances of another account', [{ ...statement, Resource: 'arn:aws:ec2:*:1*:instance/*' }], 'denied'],
  [
    'a star that would have to go over a colon',
    [{ ...statement, Resource: 'arn:aws:ec*:instance/i-1:*:*:*' }],
    'denied',
  ],
])('%s gives the right verdict', (_, statements, expected) => {
  expect(verdict(statements)).toBe(expected);
});

test('the last part of an ARN may hold colons', () => {
  const Resource = 'arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/*';
  expect(verdict([{ ...statement, Resource }], { resource: group })).toBe('allowed');
});

test.each<[string, object, Record<string, string>, string]>([
  ['an equal text', { StringEquals: { 'aws:ResourceTag/A': 'b' } }, { 'aws:resourcetag/a': 'b' }, 'allowed'],
  ['another text', { StringEquals: { 'aws:ResourceTag/A': 'b' } }, { 'aws:resourcetag/a': 'B' }, 'denied'],
  ['a missing key', { StringLike: { 'aws:ResourceTag/A': '*' } }, {}, 'denied'],
  [
    'a key of any value',
    { StringLike: { 'aws:ResourceTag/A': '*' } },
    { 'aws:resourcetag/a': '' },
    'allowed',
  ],
  [
    'one of several values',
    { StringEquals: { 'events:source': ['a', 'b'] } },
    { 'events:source': 'b' },
    'allowed',
  ],
  [
    'two keys of which one holds',
    { StringEquals: { 'events:source': 'a', 'events:detail-type': 'b' } },
    { 'events:source': 'a' },
    'denied',
  ],
  [
    'two operators of which one holds',
    { StringEquals: { 'events:source': 'a' }, StringLike: { 'events:source': 'b*' } },
    { 'events:source': 'a' },
    'denied',
  ],
  [
    'a pattern of an ARN',
    { ArnLike: { 'aws:SourceArn': 'arn:aws:ec2:*:*:instance/*' } },
    { 'aws:sourcearn': instance },
    'allowed',
  ],
  [
    'another ARN',
    { ArnEquals: { 'aws:SourceArn': `${instance}0` } },
    { 'aws:sourcearn': instance },
    'denied',
  ],
])('a condition on %s holds or not', (_, Condition, keys, expected) => {
  expect(verdict([{ ...statement, Condition }], { keys })).toBe(expected);
});

test('a policy of a resource speaks of its principals alone', () => {
  const Principal = { Service: ['events.amazonaws.com', 'sns.amazonaws.com'] };
  const policy = readPolicy(
    { Version: '2012-10-17', Id: 'x', Statement: { ...statement, Principal } },
    'resource',
  );
  expect(judge(policy, { ...request, principal: 'sns.amazonaws.com' })).toBe('allowed');
  expect(judge(policy, { ...request, principal: 'lambda.amazonaws.com' })).toBe('denied');
  expect(judge(policy, request)).toBe('denied');
});

describe('what the region does not evaluate is refused', () => {
  const variable = ['$', '{aws:username}'].join('');
  test.each<[string, object]>([
    ['element NotAction is not known', { NotAction: 'ssm:*' }],
    ['element NotResource is not known', { NotResource: '*' }],
    ['element Principal is not known', { Principal: '*' }],
    ["a statement's Effect is Allow or Deny, not allow", { Effect: 'allow' }],
    ['a statement has no Action', { Action: [] }],
    ['a statement has no Resource', { Resource: undefined }],
    ['i-1 is no ARN', { Resource: 'i-1' }],
    [`policy variable arn:aws:s3:::${variable} is not known`, { Resource: `arn:aws:s3:::${variable}` }],
    [
      'condition operator IpAddress is not known',
      { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } },
    ],
    [
      'condition operator StringLikeIfExists is not known',
      { Condition: { StringLikeIfExists: { 'aws:SourceArn': '*' } } },
    ],
    [
      'condition key aws:PrincipalTag/a is not known',
      { Condition: { StringLike: { 'aws:PrincipalTag/a': '*' } } },
    ],
  ])('%s', (message, change) => {
    expect(() => verdict([{ ...statement, ...change }])).toThrow(message);
  });

  test('a principal that is no service', () => {
    const all = { ...statement, Principal: '*' };
    expect(() => readPolicy({ Statement: [all] }, 'resource')).toThrow('Principal "*" is no service');
  });
});
