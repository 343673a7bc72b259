import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/**
 * As `addCodeCache`, so that the same bundle gets the same cache. V8 writes it in the order of its hash tables and of
 * what its threads came to, which differs from process to process; so the caches are made in a process of their own,
 * with a seed that is given, one thread, and without this one's environment.
 */
export function addCodeCaches(directories: string[]): void {
  const run = (...words: string[]) => {
    const ended = spawnSync(process.execPath, words, { env: {} });
    if (ended.status === 0) return ended.stdout;
    throw new Error(`no code cache was made:\n${ended.stderr}`);
  };
  run('--hash-seed=1', '--single-threaded', fileURLToPath(import.meta.url), ...directories);
  // V8 takes no cache of a process with other flags than its own, and these don't change what it means.
  const flags = run('-p', `new vm.Script('').createCachedData().toString('hex', ${flagsAt}, ${flagsAt + 4})`);
  for (const directory of directories) {
    const cache = readFileSync(`${directory}/main.cache`);
    cache.write(flags.toString(), flagsAt, 'hex');
    writeFileSync(`${directory}/main.cache`, cache);
  }
}

/** Where a cache has its flags' hash: after a magic number, the version and the source (V8's code-serializer.h). */
const flagsAt = 12;

/**
 * Puts V8's compiled form of a bundle beside it, and a loader in its place: most of a cold start is
 * compiling. V8 takes a cache of its very own build and processor alone; with any other the loader compiles
 * the bundle as if there were no cache. So it helps on Lambda where the package is built with Lambda's Node.
 *
 * @param directory Holds the bundle as `main.cjs`, which becomes a function's text; `main.cache` and the loader,
 *   `index.cjs`, are written.
 */
export function addCodeCache(directory: string): void {
  const filename = `${directory}/main.cjs`;
  // Wrapped here and not at each start. esbuild writes ASCII alone.
  const source = Module.wrap(readFileSync(filename, 'latin1'));
  writeFileSync(filename, source, 'latin1');
  const script = new Script(source);
  // What loading compiles is in the cache too, once it has been loaded.
  const bundle = { exports: {} };
  script.runInThisContext()(bundle.exports, createRequire(filename), bundle, filename, directory);
  writeFileSync(`${directory}/main.cache`, script.createCachedData());
  writeFileSync(`${directory}/index.cjs`, loader);
}

const loader = `const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

const filename = __dirname + '/main.cjs';
const source = readFileSync(filename, 'latin1');
const script = new Script(source, { filename, cachedData: readFileSync(__dirname + '/main.cache') });
script.runInThisContext()(exports, require, module, filename, __dirname);
`;

if (import.meta.main) for (const directory of process.argv.slice(2)) addCodeCache(directory);
