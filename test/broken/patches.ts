import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A patch that breaks the product, and the test that has to notice. */
export interface Patch {
  /** The file's name without its ending. */
  name: string;
  path: string;
  /** What goes wrong with it, in words. */
  breaks: string;
  /** The test that fails: its file, and its own title as it stands there. */
  fails: { file: string; title: string };
}

/** Every patch of this folder. Throws on one whose first two lines don't say what it breaks and what fails. */
export function readPatches(): Patch[] {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.patch'));
  return files.sort().map((file) => {
    const path = join(import.meta.dirname, file);
    const head = /^# breaks: (?<breaks>.+)\n# fails: (?<file>\S+) "(?<title>.+)"\n/;
    const { breaks, file: test, title } = head.exec(readFileSync(path, 'utf8'))?.groups ?? {};
    if (!breaks || !test || !title)
      throw new Error(`${file} has to begin with "# breaks: …" and "# fails: test/… "title""`);
    return { name: file.replace(/\.patch$/, ''), path, breaks, fails: { file: test, title } };
  });
}
