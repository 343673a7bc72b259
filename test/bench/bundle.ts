import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from './figure.ts';

export const bundles = ['admit', 'drain', 'reconcile'].map((name) => ({
  name,
  file: join(import.meta.dirname, `../../build/${name}/index.cjs`),
}));

/** What is deployed, as it lies in the package. */
export function bundle(): Figure[] {
  const sizes = bundles.map(({ name, file }) => ({ name, size: statSync(file).size / 1024 }));
  const how = sizes.map(({ name, size }) => `${name} ${size.toFixed(0)}`).join(', ');
  const measured = Math.max(...sizes.map(({ size }) => size));
  return [{ what: 'largest bundle', unit: 'KiB', target: 450, measured, how }];
}
