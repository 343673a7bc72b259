import * as ssm from '@aws-sdk/client-ssm';
import { expect, test } from 'vitest';
import { contract, refusal } from './contract.ts';
import { refusalsOf } from './contract-refusals.ts';
import { fill } from './contract-rows.ts';

contract('Parameter Store', (region) => {
  const put = (input: Partial<ssm.PutParameterCommandInput>) =>
    region.clients.ssm.send(
      new ssm.PutParameterCommand({ Name: '/shoal/tokyo/port', Value: '3128', ...input }),
    );

  test('creates, overwrites and reads back by version', async () => {
    expect(await put({ Type: 'String' })).toMatchObject({ Version: 1, Tier: 'Standard' });
    expect(await refusal(put({ Type: 'String' }))).toEqual([
      'ParameterAlreadyExists',
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    ]);
    expect(await put({ Value: '8080', Overwrite: true })).toMatchObject({ Version: 2 });
    const read = async (Name: string) =>
      (await region.clients.ssm.send(new ssm.GetParameterCommand({ Name }))).Parameter;
    expect(await read('/shoal/tokyo/port')).toMatchObject({
      Value: '8080',
      Version: 2,
      Type: 'String',
      ARN: 'arn:aws:ssm:ap-northeast-1:000000000000:parameter/shoal/tokyo/port',
      LastModifiedDate: expect.any(Date),
    });
    expect(await read('/shoal/tokyo/port:1')).toMatchObject({ Value: '3128', Selector: ':1' });
    expect((await refusal(read('/shoal/tokyo/port:7')))?.[0]).toBe('ParameterVersionNotFound');
    expect((await refusal(read('/shoal/tokyo/none')))?.[0]).toBe('ParameterNotFound');
    expect(region.bed.eventsOf('Parameter Store Change').map(({ detail }) => detail)).toEqual([
      { operation: 'Create', name: '/shoal/tokyo/port', type: 'String' },
      { operation: 'Update', name: '/shoal/tokyo/port', type: 'String' },
    ]);
  });

  test.each(refusalsOf('PutParameter'))('%s refuses %s', async (_, __, input, code, says = '') => {
    const names = new Map([['prefix', 'shoal']]);
    const refused = await refusal(put(fill(input, names)));
    expect(refused?.[0]).toBe(code);
    expect(refused?.[1]).toContain(says);
    expect(region.bed.events.filter(({ source }) => source === 'aws.ssm')).toEqual([]);
  });

  test('refuses another type, and a way back from advanced', async () => {
    await put({ Type: 'String', Tier: 'Advanced', Value: 'x'.repeat(8192) });
    expect((await refusal(put({ Type: 'StringList', Overwrite: true })))?.[0]).toBe(
      'HierarchyTypeMismatchException',
    );
    expect((await refusal(put({ Tier: 'Standard', Overwrite: true })))?.[1]).toContain("can't downgrade");
  });

  test('lists a path in pages of ten, below only when asked', async () => {
    for (let n = 10; n < 22; n += 1) await put({ Name: `/shoal/tokyo/p${n}`, Type: 'String' });
    await put({ Name: '/shoal/tokyo/deep/er', Type: 'String' });
    await put({ Name: '/shoal/tokyo-two/p', Type: 'String' });
    const list = async (input: Partial<ssm.GetParametersByPathCommandInput>) =>
      region.clients.ssm.send(new ssm.GetParametersByPathCommand({ Path: '/shoal/tokyo', ...input }));
    const first = await list({});
    expect(first.Parameters).toHaveLength(10);
    const second = await list({ NextToken: first.NextToken });
    expect(second.Parameters?.map(({ Name }) => Name)).toEqual(['/shoal/tokyo/p20', '/shoal/tokyo/p21']);
    expect(second.NextToken).toBeUndefined();
    expect((await list({ Recursive: true })).Parameters?.[0]?.Name).toBe('/shoal/tokyo/deep/er');
    expect((await list({ Path: '/nothing' })).Parameters).toEqual([]);
    expect((await refusal(list({ Path: 'shoal' })))?.[0]).toBe('ValidationException');
    expect((await refusal(list({ MaxResults: 11 })))?.[0]).toBe('ValidationException');
    expect((await refusal(list({ NextToken: 'x' })))?.[0]).toBe('InvalidNextToken');
  });

  test('reads ten names at most and names the invalid ones', async () => {
    await put({ Type: 'String' });
    const Names = ['/shoal/tokyo/port', '/none', '/shoal/tokyo/port:9'];
    const answer = await region.clients.ssm.send(new ssm.GetParametersCommand({ Names }));
    expect(answer.Parameters?.map(({ Value }) => Value)).toEqual(['3128']);
    expect(answer.InvalidParameters).toEqual(['/none', '/shoal/tokyo/port:9']);
    const eleven = Array.from({ length: 11 }, (_, n) => `/n${n}`);
    const many = region.clients.ssm.send(new ssm.GetParametersCommand({ Names: eleven }));
    expect((await refusal(many))?.[0]).toBe('ValidationException');
    const twice = region.clients.ssm.send(new ssm.GetParametersCommand({ Names: ['/none', '/none'] }));
    expect((await refusal(twice))?.[0]).toBe('ValidationException');
  });

  test('keeps 100 versions, oldest first, and forgets them on deletion', async () => {
    await put({ Type: 'String' });
    for (let n = 1; n < 102; n += 1) await put({ Value: `${n}`, Overwrite: true });
    const history = (input: Partial<ssm.GetParameterHistoryCommandInput>) =>
      region.clients.ssm.send(new ssm.GetParameterHistoryCommand({ Name: '/shoal/tokyo/port', ...input }));
    const first = await history({});
    expect(first.Parameters).toHaveLength(50);
    expect(first.Parameters?.[0]).toMatchObject({
      Version: 3,
      LastModifiedUser: 'arn:aws:iam::000000000000:root',
    });
    const second = await history({ NextToken: first.NextToken });
    expect(second.Parameters?.at(-1)?.Version).toBe(102);
    await region.clients.ssm.send(new ssm.DeleteParameterCommand({ Name: '/shoal/tokyo/port' }));
    expect((await refusal(history({})))?.[0]).toBe('ParameterNotFound');
    expect(await put({ Type: 'String' })).toMatchObject({ Version: 1 });
  });

  test('deletes one, or several with the invalid ones named', async () => {
    await put({ Type: 'String' });
    const Names = ['/shoal/tokyo/port', '/none'];
    const answer = await region.clients.ssm.send(new ssm.DeleteParametersCommand({ Names }));
    expect(answer).toMatchObject({
      DeletedParameters: ['/shoal/tokyo/port'],
      InvalidParameters: ['/none'],
    });
    expect(region.bed.eventsOf('Parameter Store Change').at(-1)?.detail.operation).toBe('Delete');
    const again = region.clients.ssm.send(new ssm.DeleteParameterCommand({ Name: '/none' }));
    expect((await refusal(again))?.[0]).toBe('ParameterNotFound');
    const none = region.clients.ssm.send(new ssm.DeleteParametersCommand({ Names: [] }));
    expect((await refusal(none))?.[0]).toBe('ValidationException');
  });
});
