import fc from 'fast-check';

/** Pieces that mean something to a shell, a terminal, squid.conf, JSON, Systems Manager or a reader's eye. */
const pieces = [
  '\u001b[2J',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\u202e',
  '\u2066',
  '\u200b',
  '\u{e0041}',
  '\ud800',
  '\0',
  '\n',
  '\r',
  '\u0085',
  '\u2028',
  '\u007f',
  '"',
  "'",
  '`',
  '\\',
  '\\\n',
  '$(id)',
  '$IFS',
  ';id;',
  '|',
  '&&',
  '{{ssm:/shoal/other/port}}',
  '{{ file }}',
  '"}],"well":true,"x":[{"',
  '# shoal end\n',
  '\nhttp_access allow all\n',
  'acl allowed_src src all',
  '"/etc/passwd"',
  '%',
  '../',
  ',',
  ' ',
];

/** A text that somebody chose to do harm with. */
export const hostile = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...pieces) }, fc.string({ unit: 'binary' })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''));

/** A value that would be taken, and the same with something hostile in it: before, after or in between. */
export function spoilt(good: string) {
  return fc
    .tuple(fc.nat({ max: good.length }), fc.option(hostile, { nil: '', freq: 5 }))
    .map(([at, harm]) => good.slice(0, at) + harm + good.slice(at));
}

/** What a terminal or a log obeys instead of showing it, written down here for itself. */
export function obeyed(text: string): string[] {
  return Array.from(text).filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    const controls = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const bidirectional =
      code === 0x061c ||
      (code >= 0x200b && code <= 0x200f) ||
      (code >= 0x2028 && code <= 0x202e) ||
      (code >= 0x2060 && code <= 0x206f);
    return controls || bidirectional || code === 0xfeff || (code >= 0xe0000 && code <= 0xe007f);
  });
}
