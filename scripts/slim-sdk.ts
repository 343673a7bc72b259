import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Makes what the bundles take of the SDK small without changing what it does, since most of a cold start is
 * compiling it. A module that is written otherwise than expected stays as it is.
 */
export const slimSdk: Plugin = {
  name: 'slim-sdk',
  setup(build) {
    build.onLoad(
      { filter: /@aws-sdk\/client-[^/]+\/dist-es\/schemas\/schemas_0\.js$/ },
      async ({ path }) => ({ contents: dropErrors(shortenSchemas(await readFile(path, 'utf8'))) }),
    );
    build.onLoad({ filter: /@aws-sdk\/client-[^/]+\/package\.json$/ }, async ({ path }) => ({
      contents: JSON.stringify({ version: JSON.parse(await readFile(path, 'utf8')).version }),
      loader: 'json',
    }));
    // Loaded for operations that stream events alone, and we call none: in the bundle it would keep all that
    // it imports, used or not.
    build.onResolve({ filter: /^@smithy\/core\/event-streams$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { external: true } : undefined,
    );
  },
};

/** A key that is computed might have an effect, so esbuild keeps the schemas of all operations for it. */
export function shortenSchemas(text: string): string {
  const constants = new Map(
    [...text.matchAll(/^const (_\w+) = ("[^"]*");$/gm)].map(([, name, value]) => [name, value]),
  );
  return text.replace(/\[(_\w+)\]:/g, (key, name) => (constants.has(name) ? `${constants.get(name)}:` : key));
}

/**
 * An error that the registry doesn't know is thrown as the service's own exception with AWS's code as its
 * name, which is all that shared/aws/errors.ts reads. Each class and its schema would be made at every start.
 */
export function dropErrors(text: string): string {
  return text.replace(/^n0_registry\.registerError\(.*\);$/gm, '');
}
