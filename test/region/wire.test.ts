import { expect, test } from 'vitest';
import { createBed } from './bed.ts';

const signed = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=AKIATEST/20261124/ap-northeast-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;

/** What no SDK sends: each request as bytes. */
async function send(headers: Record<string, string>, body: string, path = '/') {
  const { world } = createBed();
  const request = { method: 'POST', path, query: {}, headers, body: Buffer.from(body) };
  const { statusCode, body: answer } = await world.wire.handle(request);
  return { statusCode, text: Buffer.from(answer).toString(), log: world.wire.log };
}

const json = (operation: string, body: string, authorization = signed('ssm')) =>
  send({ 'x-amz-target': `AmazonSSM.${operation}`, authorization }, body);

const form = (body: string) =>
  send(
    {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      authorization: signed('autoscaling'),
    },
    body,
  );

test.each([
  ['{"Name":"/a","Colour":"red"}', "Unexpected member 'Colour'"],
  ['{"Name":7}', "NUMBER_VALUE can not be converted to a String at 'name'"],
  [
    '{"Name":"/a","WithDecryption":"yes"}',
    "STRING_VALUE can not be converted to a Boolean at 'withDecryption'",
  ],
  ['[]', 'LIST_VALUE can not be converted to a structure'],
  ['{"Name":', 'Could not parse request body'],
])('refuses malformed JSON: %s', async (body, reason) => {
  const { statusCode, text } = await json('GetParameter', body);
  expect(statusCode).toBe(400);
  expect(JSON.parse(text)).toMatchObject({
    __type: 'SerializationException',
    message: expect.stringContaining(reason),
  });
});

test.each([
  ['Colour=red', "Unexpected member 'Colour'"],
  ['MaxRecords=many', "STRING_VALUE can not be converted to a number at 'maxRecords'"],
  ['IncludeInstances=perhaps', "STRING_VALUE can not be converted to a Boolean at 'includeInstances'"],
  ['AutoScalingGroupNames=x', "UNDEFINED_VALUE can not be converted to a list at 'autoScalingGroupNames'"],
  ['Filters.member.1.Colour=red', "Unexpected member 'Colour' at 'filters.1.member'"],
])('refuses a malformed query: %s', async (member, reason) => {
  const action = 'Action=DescribeAutoScalingGroups&Version=2011-01-01';
  const { statusCode, text } = await form(`${action}&${member}`);
  expect(statusCode).toBe(400);
  expect(text).toContain('<Type>Sender</Type><Code>ValidationError</Code>');
  expect(text).toContain(`<Message>${reason}`);
});

test('names every broken constraint at once', async () => {
  const { text } = await json('PutParameter', '{"Value":"","Type":"Number"}');
  expect(JSON.parse(text)).toEqual({
    __type: 'ValidationException',
    message:
      "3 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1; Value 'Number' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList]",
  });
});

test('refuses a request that nobody signed', async () => {
  const { statusCode, text } = await json('GetParameter', '{"Name":"/a"}', '');
  expect(statusCode).toBe(403);
  expect(JSON.parse(text).__type).toBe('MissingAuthenticationTokenException');
});

test('refuses a service that it does not have', async () => {
  const { statusCode, text, log } = await send({ authorization: signed('s3') }, '', '/bucket');
  expect(statusCode).toBe(404);
  expect(JSON.parse(text).__type).toBe('UnknownOperationException');
  expect(log).toMatchObject([{ operation: '', error: 'UnknownOperationException' }]);
});

test('an error of its own making is a 500 and names itself', async () => {
  const { world } = createBed();
  const broken = world.wire.services.get('sts')!;
  const operations = { GetCallerIdentity: () => ({ Colour: 'red' }) };
  world.wire.add({ ...broken, operations });
  const { statusCode, body } = await world.wire.handle({
    method: 'POST',
    path: '/',
    query: {},
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: signed('sts') },
    body: Buffer.from('Action=GetCallerIdentity&Version=2011-06-15'),
  });
  expect(statusCode).toBe(500);
  expect(Buffer.from(body).toString()).toContain('GetCallerIdentityResponse has no member Colour');
});
