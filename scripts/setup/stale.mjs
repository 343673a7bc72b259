import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What the bundles and the package are made of. */
const SOURCES = ['functions', 'infra', 'package-lock.json', 'serverless.yml', 'shared'].concat([
  // The dashboard ends with what to do at each alarm.
  'docs/operations.md',
  'scripts/budget.ts',
  'scripts/build.ts',
  'scripts/code-cache.ts',
  'scripts/credentials.ts',
  'scripts/osls.ts',
  'scripts/sbom.ts',
  'scripts/slim-sdk.ts',
  'tsconfig.json',
]);

/** Inside the package's folder, which osls empties first: what another stage left there counts as stale. */
const STAMP = '.serverless/inputs.sha256';

/**
 * When the code was written, in epoch seconds: its last commit, so that the same code makes the same bundle; 0 where
 * git can't say it. SOURCE_DATE_EPOCH goes before (https://reproducible-builds.org/specs/source-date-epoch/).
 */
export function codeTime(root) {
  if (process.env.SOURCE_DATE_EPOCH) return Number(process.env.SOURCE_DATE_EPOCH);
  const args = ['log', '-1', '--format=%ct', '--', 'functions', 'shared', 'package-lock.json'];
  return Number(spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout);
}

/** The sha256 over names, contents and time of everything that the bundles and the package are made of. */
export function inputsHash(root) {
  const hash = createHash('sha256').update(`${codeTime(root)}\0`);
  for (const name of SOURCES) {
    for (const file of filesBelow(root, name))
      hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** Whether the package was built from other inputs than those that are there now. */
export function isPackageStale(root) {
  return readIfThere(join(root, STAMP)) !== inputsHash(root);
}

export function stampPath(root) {
  return join(root, STAMP);
}

/** A file's text, or an empty one when there is none. */
export function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function filesBelow(root, name) {
  const stat = statSync(join(root, name), { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [name];
  const names = readdirSync(join(root, name)).sort();
  return names.flatMap((entry) => filesBelow(root, `${name}/${entry}`));
}
