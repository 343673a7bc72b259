/**
 * What a terminal or a log would obey instead of showing it: control characters, those that turn the direction
 * of writing or show nothing, Unicode's own ends of lines, and what is no character at all.
 */
const unseen = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** A text of somebody else's on one line, as it may be shown to people. */
export function plain(text: string): string {
  return text.replace(unseen, ' ');
}

/** JSON in which those are escapes: JSON itself asks that of the first 32 alone. */
export function plainJson(value: unknown, space?: number): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, space).replace(unseen, (found) =>
    found === '\n' ? found : found.split('').map(escaped).join(''),
  );
}

/** A value as a mistake shows it: quoted, escaped, of bounded length. */
export function shown(text: string): string {
  return plainJson(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
