import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { shortenErrors, shortenSchemas, slimSdk } from '../scripts/slim-sdk.ts';

const sdk = join(import.meta.dirname, '../node_modules/@aws-sdk');
const clients = ['client-auto-scaling', 'client-elastic-load-balancing-v2', 'client-lambda', 'client-ssm'];
type Exports = Record<string, unknown>;
type ErrorClass = (new (options: object) => Error) & { shapeId: string };

test("most of the SDK's errors and every schema fit what is made small", () => {
  const read = (file: string) =>
    clients.map((client) => readFileSync(join(sdk, client, 'dist-es', file), 'utf8'));
  const errors = read('models/errors.js').join('');
  expect(shortenErrors(errors).length).toBeLessThan(errors.length / 2);
  for (const schemas of read('schemas/schemas_0.js'))
    expect(shortenSchemas(schemas)).not.toMatch(/\[_\w+\]:/);
});

describe.each(clients)('%s, made small', (client) => {
  const errors = join(sdk, client, 'dist-es/models/errors.js');
  const schemas = join(sdk, client, 'dist-es/schemas/schemas_0.js');

  test('has errors with the same names, members and kinds', async () => {
    const [plain, small] = await both(errors);
    const classes = Object.keys(plain).filter((name) => typeof plain[name] === 'function');
    expect(classes.length).toBeGreaterThan(5);
    for (const name of classes) expect(description(small[name])).toEqual(description(plain[name]));
  });

  test('has the same schemas', async () => {
    const [plain, small] = await both(schemas);
    expect(JSON.stringify(small)).toEqual(JSON.stringify(plain));
  });
});

/** What a handler of errors can see of one. */
function description(value: unknown): object {
  const Named = value as ErrorClass;
  const options = {
    message: 'text',
    Message: 'Text',
    Type: 'User',
    Reason: 'why',
    $metadata: { httpStatusCode: 400 },
  };
  const error = new Named(options);
  return {
    className: Named.name,
    shapeId: Named.shapeId,
    members: Object.entries(error).sort(([one], [other]) => one.localeCompare(other)),
    text: String(error),
    kinds: [error instanceof Named, error instanceof Error, Object.getPrototypeOf(error) === Named.prototype],
    parent: Object.getPrototypeOf(Named).name,
  };
}

/** The module as the SDK has it, and as the bundles have it. */
function both(file: string): Promise<[Exports, Exports]> {
  return Promise.all([load(file, false), load(file, true)]);
}

async function load(file: string, small: boolean): Promise<Exports> {
  const options = { bundle: true, write: false, format: 'esm', platform: 'node', keepNames: true } as const;
  const banner = `import{createRequire}from'node:module';const require=createRequire('${pathToFileURL(file)}');`;
  const made = await build({
    ...options,
    entryPoints: [file],
    mainFields: ['module', 'main'],
    banner: { js: banner },
    plugins: small ? [slimSdk] : [],
  });
  const code = made.outputFiles[0]?.contents ?? new Uint8Array();
  return import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`) as Promise<Exports>;
}
