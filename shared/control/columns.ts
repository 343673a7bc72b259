import { plain } from '../fleet/plain.ts';

/** Texts for people, at a terminal of 80 columns. */
export const columns = 80;

/**
 * Breaks a text between words, and a word that no line has room for. The first line begins with `start`, the
 * others are as far in; beyond `most` lines the last one says that there is more.
 */
export function wrap(text: string, start = '', most = Number.POSITIVE_INFINITY): string[] {
  const room = new RegExp(`.{1,${columns - start.length}}`, 'gu');
  const lines: string[] = [];
  let line = '';
  for (const word of plain(text)
    .split(/\s+/)
    .flatMap((whole) => whole.match(room) ?? [])) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (start.length + joined.length <= columns) line = joined;
    else {
      lines.push(line);
      line = word;
    }
  }
  lines.push(line);
  const kept = lines.slice(0, most);
  const last = kept.length - 1;
  if (lines.length > most) kept[last] = cut(`${kept[last]} …`, columns - start.length);
  return kept.map((it, index) => (index === 0 ? start : ' '.repeat(start.length)) + it);
}

/** Sections with an empty line between them. Nothing in them can move the cursor: they hold others' words. */
export function screen(sections: string[][]): string {
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.map(plain).join('\n')}\n`)
    .join('\n');
}

/** Columns as wide as their widest entry, two spaces apart. */
export function table(rows: string[][]): string[] {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((entry, index) => Math.max(entry.length, widest[index] ?? 0)),
    [],
  );
  return rows.map((row) =>
    row
      .map((entry, index) => entry.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function cut(text: string, width = columns): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** The first of them, and how many there are beyond. */
export function firstOf(list: string[], most: number): string[] {
  return list.length <= most ? list : [...list.slice(0, most), `and ${list.length - most} more`];
}

/** `1 instance`, `2 instances`. */
export const count = (number: number, thing: string): string =>
  `${number} ${thing}${number === 1 ? '' : 's'}`;

/** To the minute: `2026-11-24 09:12 UTC`. */
export const utc = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
