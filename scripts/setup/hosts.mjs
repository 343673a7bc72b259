import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { withLock } from './lock.mjs';
import { runWithProgress, say } from './say.mjs';
import { readIfThere } from './stale.mjs';
import { userNamespaceObstacle } from './user-namespace.mjs';

/** A program that real hosts need, the Debian package it comes from, and what for. */
const PROGRAMS = [
  { program: 'squid', package: 'squid', why: 'the proxy on each host' },
  { program: 'nft', package: 'nftables', why: 'the balancer' },
  { program: 'ip', package: 'iproute2', why: 'the networks' },
  { program: 'conntrack', package: 'conntrack', why: "the balancer's flows" },
  { program: 'openssl', package: 'openssl', why: "the S3 endpoint's certificate" },
  { program: 'curl', package: 'curl', why: "the client's and the hosts' requests" },
  { program: 'aws', package: 'awscli', why: 'the AWS CLI that the demo shows' },
];
const UIDMAP = { program: 'newuidmap', package: 'uidmap', why: 'namespaces without being root' };
const CAP_SYS_ADMIN = 21n;
const APT = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } };

/**
 * Sees to it that real hosts can be had on this machine; says what is in the way and how to get past it.
 * Where they can't, or are `simulated` by wish, sees to what the demo takes all the same; where they are
 * `tested`, also to what an ordinary user's take.
 * @returns whether real ones can be had now.
 */
export async function prepareHosts(root, { install, simulated, tested }) {
  const possible = !simulated && isPossible();
  const isRoot = process.getuid() === 0;
  const programs = PROGRAMS.filter(({ program }) => possible || program === 'aws');
  if (possible && (tested || !isRoot)) programs.push(UIDMAP);
  const missing = () => programs.filter(({ program }) => !isOnPath(program));
  const complete =
    missing().length === 0 || (await withLock(root, () => getPackages(root, install, missing)));
  if (!possible || !complete || isRoot) return possible && complete;
  const obstacle = userNamespaceObstacle();
  if (obstacle) say(`real hosts need namespaces, which only root can have here. ${obstacle}`);
  return !obstacle;
}

/** What no package helps against. */
function isPossible() {
  if (process.platform !== 'linux') {
    say(`real hosts need Linux, and this is ${process.platform}: use a virtual machine with Debian or Ubuntu, or
       docker run --rm -it --privileged -v "$PWD":/shoal -w /shoal node:24-bookworm bash`);
    return false;
  }
  if (process.getuid() === 0 && !isAllowed()) {
    say('real hosts need CAP_SYS_ADMIN, for namespaces of their own: start the container with --privileged');
    return false;
  }
  return true;
}

/** Root of a container often may neither mount nor make network namespaces. */
function isAllowed() {
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readIfThere('/proc/self/status'))?.[1] ?? '0';
  return ((BigInt(`0x${capabilities}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

async function getPackages(root, install, missingPrograms) {
  const missing = missingPrograms();
  if (missing.length === 0) return true; // Another set-up did it while this one waited.
  const what = missing.map(({ package: name, why }) => `${name} (${why})`).join(', ');
  const isDebian = /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readIfThere('/etc/os-release'));
  if (!isDebian) {
    say(`missing: ${what}. Install them with this system's package manager`);
    return false;
  }
  const asRoot = process.getuid() === 0 ? [] : ['sudo'];
  const installer = [...asRoot, 'sh', join(root, 'scripts/install-packages.sh')];
  // In containers apt's lists are often empty, and without them no size is known.
  if (install && process.getuid() === 0 && !sizeOf(missing)) {
    await runWithProgress('reading the package lists', 'apt-get', ['-q', 'update']);
  }
  const size = sizeOf(missing) ?? 'size not known before the package lists are read';
  if (!install) {
    say(`missing: ${what}; ${size}. Without --no-install they are installed`);
    return false;
  }
  say(`missing: ${what}; ${size}. apt-get installs them; their services are kept from running`);
  if (process.getuid() !== 0 && !(await isAgreed())) {
    say(`install them with: ${[...installer, ...missing.map((one) => one.package)].join(' ')}`);
    return false;
  }
  // The terminal stays open to sudo, which may ask for a password there.
  const stdio = [asRoot.length ? 'inherit' : 'ignore', 'pipe', asRoot.length ? 'inherit' : 'pipe'];
  const [command, ...args] = [...installer, ...missing.map((one) => one.package)];
  await runWithProgress('installing system packages', command, args, { stdio });
  const still = missingPrograms();
  for (const { program, package: name } of still)
    say(`${name} is not to be had from apt-get: install ${program} yourself`);
  return still.length === 0;
}

async function isAgreed() {
  if (!process.stdin.isTTY || !process.stderr.isTTY || !isOnPath('sudo')) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('setup: install them through sudo? [y/N] ');
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** What apt-get would fetch and unpack, with all they depend on; undefined when apt doesn't know them. */
function sizeOf(missing) {
  const names = missing
    .map((one) => one.package)
    .filter((name) => spawnSync('apt-cache', ['show', name], APT).status === 0);
  const plan = spawnSync('apt-get', ['-s', '--no-install-recommends', 'install', ...names], APT).stdout ?? '';
  const packages = [...plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(
    ([, name, version]) => `${name}=${version}`,
  );
  if (packages.length === 0) return undefined;
  const shown = spawnSync('apt-cache', ['--no-all-versions', 'show', ...packages], APT).stdout ?? '';
  const sum = (field) =>
    [...shown.matchAll(new RegExp(`^${field}: (\\d+)$`, 'gm'))].reduce(
      (all, [, size]) => all + Number(size),
      0,
    );
  const download = Math.ceil(sum('Size') / 1e6);
  return `${packages.length} package(s), ${download} MB to fetch, ${Math.ceil(sum('Installed-Size') / 1e3)} MB on disk`;
}

/** Also where an ordinary user's PATH leaves out the administrator's programs. */
function isOnPath(program) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
