import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { Script } from 'node:vm';

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
