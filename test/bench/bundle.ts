import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from './figure.ts';

export const bundles = ['admit', 'drain', 'reconcile'].map((name) => ({
  name,
  /** What Lambda loads. */
  file: join(import.meta.dirname, `../../build/${name}/index.cjs`),
  code: join(import.meta.dirname, `../../build/${name}/main.cjs`),
}));

/** What is deployed, as it lies in the package. */
export function bundle(): Figure[] {
  const sizes = bundles.map(({ name, code }) => ({ name, size: statSync(code).size / 1024 }));
  const how = sizes.map(({ name, size }) => `${name} ${size.toFixed(0)}`).join(', ');
  const measured = Math.max(...sizes.map(({ size }) => size));
  return [{ what: 'largest bundle', unit: 'KiB', target: 450, measured, how }];
}
