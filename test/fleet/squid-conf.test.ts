import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { encodeConfig, renderConfig } from '../../shared/fleet/squid-conf.ts';
import { settingsOf } from './fixtures.ts';
import { variants } from './variants.ts';

test.each(Object.keys(variants))('renders the golden file of %s', (name) => {
  const path = new URL(`golden/${name}.conf`, import.meta.url);
  const { file } = renderConfig(settingsOf(variants[name]));
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, file);
  expect(file).toBe(readFileSync(path, 'utf8'));
});

test('names a config by its file with the marker zeroed', () => {
  const { sha256, file } = renderConfig(settingsOf());
  expect(file.match(new RegExp(sha256, 'g'))).toHaveLength(1);
  const zeroed = file.replace(sha256, '0'.repeat(64));
  expect(createHash('sha256').update(zeroed).digest('hex')).toBe(sha256);
});

test('ends with the marker that the file is whole', () => {
  expect(renderConfig(settingsOf()).file).toMatch(/\n# shoal end\n$/);
});

test('encodes a file so that it comes back whole', () => {
  const { file } = renderConfig(settingsOf());
  const encoded = encodeConfig(file);
  expect(encoded).toMatch(/^[A-Za-z0-9+/=]+$/);
  expect(gunzipSync(Buffer.from(encoded, 'base64')).toString()).toBe(file);
});

test.each([
  ['rollout', 'wave=1'],
  ['paused', 'yes'],
  ['on-revoke', 'keep'],
])('is the same config whatever %s says', (name, value) => {
  const [before, after] = [renderConfig(settingsOf()), renderConfig(settingsOf({ [name]: value }))];
  expect(after.sha256).toBe(before.sha256);
  expect(after.settingsHash).toBe(before.settingsHash);
});

test.each([
  ['allowed-cidrs', '10.0.0.0/8'],
  ['allowed-domains', '.example.com'],
  ['private-destinations', '10.0.0.0/8'],
  ['allowed-ports', '443'],
  ['port', '8080'],
  ['probe-url', 'https://example.com/'],
  ['extra-directives', 'connect_timeout 5 seconds'],
])('is another config when %s changes', (name, value) => {
  const [before, after] = [renderConfig(settingsOf()), renderConfig(settingsOf({ [name]: value }))];
  expect(after.sha256).not.toBe(before.sha256);
  expect(after.settingsHash).not.toBe(before.settingsHash);
});

test('hashes settings alike in whatever order they come', () => {
  const settings = settingsOf();
  const reversed = Object.fromEntries(Object.entries(settings).reverse()) as unknown as typeof settings;
  expect(renderConfig(reversed).settingsHash).toBe(renderConfig(settings).settingsHash);
});

test('renders equal bytes for parameters that mean the same', () => {
  const one = settingsOf({ 'allowed-cidrs': '10.0.0.0/25,10.0.0.128/25', 'allowed-domains': 'A.org .b.org' });
  const other = settingsOf({ 'allowed-cidrs': '10.0.0.0/24', 'allowed-domains': '.b.org\nx.b.org\na.org' });
  expect(renderConfig(one).file).toBe(renderConfig(other).file);
});

test('a probe URL that looks like the marker does not take its place', () => {
  const { file, sha256 } = renderConfig(
    settingsOf({ 'probe-url': `https://example.com/sha256-${'0'.repeat(64)}-w` }),
  );
  expect(file).toContain(`deny_info 302:http://config-generation.invalid/sha256-${sha256}-w`);
});
