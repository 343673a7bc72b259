import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Config, Mistake, Settings } from './settings.ts';
import { squidConfLines, zeroHash } from './squid-conf-sections.ts';

/** What a config may take gzipped and base64-encoded: the host's command carries it whole. */
const encodedBytesMax = 32 * 1024;

/** Renders the whole squid.conf. Pure and deterministic: equal settings give equal bytes. */
export function renderConfig(settings: Settings): Config {
  const unnamed = `${squidConfLines(settings).join('\n')}\n`;
  const sha256 = hash(unnamed);
  // The marker comes before anything that a parameter can fill with text of its own, so the first is the one.
  const file = unnamed.replace(`sha256-${zeroHash}-w`, `sha256-${sha256}-w`);
  return { sha256, file, settings, settingsHash: settingsHash(settings) };
}

/** The name that a whole file has by its own bytes; null when it carries no marker. */
export function nameOf(file: string): string | null {
  const marker = /sha256-([0-9a-f]{64})-w/.exec(file)?.[1];
  return marker === undefined ? null : hash(file.replace(marker, zeroHash));
}

/** The file as a command carries it. */
export function encodeConfig(file: string): string {
  return gzipSync(file, { level: 9 }).toString('base64');
}

/** The mistake of a config that no command can carry, or null. */
export function tooLarge(config: Config): Mistake | null {
  // Base64 adds a third, and gzip nothing to speak of: most need not be compressed for this.
  if (Buffer.byteLength(config.file) < encodedBytesMax / 2) return null;
  const bytes = encodeConfig(config.file).length;
  if (bytes <= encodedBytesMax) return null;
  const problem =
    `The squid.conf takes ${bytes} bytes gzipped and encoded, and ${encodedBytesMax} is the most: ` +
    'name fewer or wider networks and domains (some 4,500 domains fit).';
  return { parameter: null, version: null, problem };
}

function settingsHash(settings: Settings): string {
  const { rollout: _, onRevoke: __, paused: ___, ...rendered } = settings;
  // In the order of the names, so that settings read back from JSON hash alike.
  return hash(JSON.stringify(Object.entries(rendered).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
