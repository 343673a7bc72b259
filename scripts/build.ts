/**
 * Builds what is deployed: a bundle a function, the host script's document, and the package of osls. All
 * of it goes to build/ and .serverless/; `node scripts/build.ts [--outdir DIR]` with a folder of its own
 * makes the bundles alone.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { documentText } from '../shared/host/document.ts';
import { limits } from '../shared/runtime/limits.ts';
import { partsOf } from './budget.ts';
import { addCodeCaches } from './code-cache.ts';
import { osls } from './osls.ts';
import { writeSbom } from './sbom.ts';
import { codeTime, inputsHash, stampPath } from './setup/stale.mjs';
import { slimSdk } from './slim-sdk.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const functions = ['admit', 'drain', 'reconcile'];

const { outdir } = parseArgs({ options: { outdir: { type: 'string' } } }).values;
const inputs = inputsHash(root);
const document = documentText(readFileSync(`${root}shared/host/apply.sh`, 'utf8'));
await bundle(outdir ?? `${root}build`);
if (outdir === undefined) {
  writeFileSync(`${root}build/limits.json`, JSON.stringify(limits));
  writeFileSync(`${root}build/document.json`, document.text);
  osls(root, ['package']);
  writeSbom(root, `${root}build/sbom.cdx.json`);
  // Last, so that a build that broke off counts as stale.
  writeFileSync(stampPath(root), inputs);
}

async function bundle(directory: string): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: functions.map((name) => ({ in: `functions/${name}.ts`, out: `${name}/main` })),
    outdir: directory,
    // As a module it would take a tenth longer to load: a module's imports of Node's own have all of their
    // exports made, whether they are used or not.
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // A script with a code cache has nobody to import for it; `require` does the same.
    supported: { 'dynamic-import': false },
    // The SDK's ES modules are half the size of what `main` names.
    mainFields: ['module', 'main'],
    minify: true,
    legalComments: 'none',
    alias: { '@aws-sdk/credential-provider-node': './scripts/credentials.ts' },
    plugins: [slimSdk],
    define: {
      'process.env.SHOAL_BUILD': JSON.stringify(String(codeTime(root) || Math.floor(Date.now() / 1000))),
      // Systems Manager refuses a command that is meant for another document.
      'process.env.SHOAL_DOCUMENT_SHA256': JSON.stringify(document.sha256),
    },
    metafile: true,
    logLevel: 'warning',
  });
  writeFileSync(join(directory, 'parts.json'), JSON.stringify(partsOf(metafile)));
  addCodeCaches(functions.map((name) => join(directory, name)));
}
