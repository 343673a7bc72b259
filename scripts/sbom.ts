import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Lock {
  packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>;
}

/**
 * Writes what the functions may be made of: every package that a runtime dependency leads to, in CycloneDX's
 * JSON, by npm. The same lock file gives the same bytes: npm's own version, the time and a random number are
 * left out, and what names the list is a hash of it.
 */
export function writeSbom(root: string, file: string): void {
  const list = JSON.parse(listOf(root));
  const { timestamp: _, tools: __, ...metadata } = list.metadata;
  const named = { ...list, metadata, serialNumber: undefined };
  const digits = createHash('sha256').update(JSON.stringify(named)).digest('hex');
  const uuid = digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-8$4-$5');
  writeFileSync(file, `${JSON.stringify({ ...named, serialNumber: `urn:uuid:${uuid}` }, null, 1)}\n`);
}

/**
 * `npm sbom --omit dev` leaves out a runtime dependency that a tool of ours depends on too, such as the client of
 * Lambda. So npm is shown a project that has no tools.
 */
function listOf(root: string): string {
  const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));
  const { devDependencies: _, optionalDependencies: __, scripts: ___, ...project } = read('package.json');
  const lock: Lock = read('package-lock.json');
  const runtime = Object.entries(lock.packages).filter(
    ([path, { dev, optional, devOptional }]) => path !== '' && !dev && !optional && !devOptional,
  );
  const above = mkdtempSync(join(tmpdir(), 'shoal-sbom-'));
  // npm takes the folder's name for the project's.
  const folder = join(above, project.name);
  try {
    mkdirSync(folder);
    const packages = { '': project, ...Object.fromEntries(runtime) };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, packages }));
    return npm(folder, 'sbom', '--sbom-format', 'cyclonedx', '--package-lock-only');
  } finally {
    rmSync(above, { recursive: true });
  }
}

/** The npm that started this, else the one on the path. */
function npm(cwd: string, ...words: string[]): string {
  const { npm_execpath: started } = process.env;
  const [program = '', ...before] = started === undefined ? ['npm'] : [process.execPath, started];
  const ended = spawnSync(program, [...before, ...words], { cwd, encoding: 'utf8' });
  if (ended.status === 0) return ended.stdout;
  throw new Error(`npm ${words[0]} failed: ${ended.error?.message ?? ended.stderr}`);
}
