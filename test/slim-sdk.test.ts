import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { shortenSchemas, slimSdk } from '../scripts/slim-sdk.ts';

const sdk = join(import.meta.dirname, '../node_modules/@aws-sdk');
const clients = ['auto-scaling', 'elastic-load-balancing-v2', 'eventbridge', 'lambda', 'ssm'].map(
  (name) => `client-${name}`,
);

describe.each(clients)('%s, made small', (client) => {
  const schemas = join(sdk, client, 'dist-es/schemas/schemas_0.js');

  test('has no computed key left in its schemas', () => {
    expect(shortenSchemas(readFileSync(schemas, 'utf8'))).not.toMatch(/\[_\w+\]:/);
  });

  test('has the same schemas', async () => {
    const [plain, small] = await Promise.all([load(schemas, false), load(schemas, true)]);
    expect(JSON.stringify(small)).toEqual(JSON.stringify(plain));
  });
});

test.each([
  {
    client: 'client-ssm',
    call: 'getParameter',
    type: 'application/x-amz-json-1.1',
    body: '{"__type":"ParameterNotFound","message":"gone"}',
    name: 'ParameterNotFound',
  },
  {
    client: 'client-elastic-load-balancing-v2',
    call: 'describeTargetGroups',
    type: 'text/xml',
    body: '<ErrorResponse><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>gone</Message></Error></ErrorResponse>',
    name: 'TargetGroupNotFound',
  },
])("$client, made small, throws AWS's own code and message", async ({ client, call, type, body, name }) => {
  const module = await load(join(sdk, client, 'dist-es/index.js'), true);
  const isClient = ([key, value]: [string, unknown]) =>
    /^(SSM|ElasticLoadBalancingV2)$/.test(key) && typeof value === 'function';
  const Client = Object.entries(module).find(isClient)?.[1] as new (
    settings: object,
  ) => Record<string, (input: object) => Promise<unknown>>;
  const answer = () => ({
    response: {
      statusCode: 400,
      headers: { 'content-type': type },
      body: Readable.from([Buffer.from(body)]),
    },
  });
  const sent = new Client({
    region: 'ap-northeast-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    requestHandler: { handle: async () => answer() },
  })[call]?.({ Name: 'x' });
  await expect(sent).rejects.toMatchObject({ name, message: 'gone', $metadata: { httpStatusCode: 400 } });
});

/** The module as the SDK has it, or as the bundles have it. */
async function load(file: string, small: boolean): Promise<Record<string, unknown>> {
  const banner = `import{createRequire}from'node:module';const require=createRequire('${pathToFileURL(file)}');`;
  const made = await build({
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    entryPoints: [file],
    mainFields: ['module', 'main'],
    banner: { js: banner },
    plugins: small ? [slimSdk] : [],
  });
  const code = made.outputFiles[0]?.contents ?? new Uint8Array();
  return import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
}
