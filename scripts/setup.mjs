#!/usr/bin/env node
/**
 * Runs first in every npm script: makes a fresh clone ready, then becomes the script's command.
 *
 *     node scripts/setup.mjs [--hosts needed|wanted|tested] [--no-install] -- COMMAND [ARGUMENT…]
 *
 * Plain JavaScript without dependencies, for Node 20 and later, since it runs before any is installed. It
 * writes to standard error alone, and nothing when there is nothing to do. `--hosts needed` ends where real
 * hosts can't be had, `--hosts wanted` says so and goes on, and so does `--hosts tested`, which also sees to what
 * an ordinary user's hosts take where root runs. `--no-install` lists missing system packages and installs none;
 * it is also taken from the command's own arguments, where npm puts what follows `--`, and `--simulated` is read
 * there, which is the command's own word for going without real hosts.
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './setup/command.mjs';
import { areDependenciesStale, installDependencies, nodeFor } from './setup/dependencies.mjs';
import { prepareHosts } from './setup/hosts.mjs';
import { withLock } from './setup/lock.mjs';
import { runWithProgress, Stop, say } from './setup/say.mjs';
import { isPackageStale } from './setup/stale.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

try {
  const { command, hosts, install, simulated } = readArguments(process.argv.slice(2));
  if (hosts) {
    const possible = await prepareHosts(root, { install, simulated, tested: hosts === 'tested' });
    if (!possible && hosts === 'needed') throw new Stop('this command needs real hosts');
    if (!possible && !simulated) say('going on without them: what needs real hosts is left out');
    // The demo runs on simulated ones then.
    if (!possible) process.env.SHOAL_HOSTS = 'simulated';
  }
  if (areDependenciesStale(root) || isPackageStale(root)) {
    await withLock(root, async () => {
      // Another set-up may have done it while this one waited.
      if (areDependenciesStale(root)) await installDependencies(root);
      if (isPackageStale(root)) await build();
    });
  }
  if (command.length > 0) await runCommand(root, nodeFor(root), command);
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  say(error.message);
  process.exitCode = 1;
}

function build() {
  return runWithProgress('building the package', nodeFor(root), ['scripts/build.ts'], { cwd: root });
}

function readArguments(given) {
  const split = given.indexOf('--');
  const options = split < 0 ? given : given.slice(0, split);
  const command = split < 0 ? [] : given.slice(split + 1);
  const own = command.includes('--') ? command.indexOf('--') : command.length;
  const refusals = command.slice(0, own).filter((argument) => argument === '--no-install');
  const simulated = command.slice(0, own).includes('--simulated');
  const hosts = options.includes('--hosts') ? options[options.indexOf('--hosts') + 1] : undefined;
  return {
    hosts,
    simulated,
    install: !options.includes('--no-install') && refusals.length === 0,
    command: command.filter((argument, index) => index >= own || argument !== '--no-install'),
  };
}
