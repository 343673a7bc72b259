import { styleText } from 'node:util';

const columns = 80;

export type Screen = ReturnType<typeof createScreen>;

/** What the demo prints: at most 80 columns, and in colour on a terminal alone. */
export function createScreen(stream: NodeJS.WritableStream & { isTTY?: boolean }) {
  const colours = stream.isTTY === true && !process.env.NO_COLOR;
  const style = (format: Parameters<typeof styleText>[0], text: string) =>
    colours ? styleText(format, text, { validateStream: false }) : text;
  const print = (lines: string[]) => void stream.write(lines.map((line) => `${line}\n`).join(''));
  return {
    headline: (number: number, title: string) => print(['', style('bold', `${number}  ${title}`)]),
    /** What the step is about, or what came out of it. */
    say: (text: string) => print(wrap(text, 3)),
    command: (text: string) =>
      print(['', ...indent(text.split('\n'), '     ', '   $ ').map((it) => style('cyan', it))]),
    output: (text: string) =>
      print(indent(text.trimEnd().split('\n'), '     ').map((line) => line.slice(0, columns))),
    decision(ms: number, who: string, step: string, reason: string) {
      const start = `${String(Math.round(ms)).padStart(8)} ms  ${who.padEnd(19)}  ${step.padEnd(12)}  `;
      print(wrap(reason, start.length, start));
    },
    verdict(proven: boolean, text: string) {
      const lines = wrap(text, 3, proven ? '   proven: ' : '   NOT PROVEN: ');
      print(['', ...lines.map((line) => style(proven ? 'green' : 'red', line))]);
    },
    /** Lines that lay themselves out. */
    plain: print,
  };
}

/**
 * Breaks a text between words, and a word that no line has room for; the first line begins with `start`, the
 * others are as far in as `margin`.
 */
function wrap(text: string, margin: number, start = ' '.repeat(margin)): string[] {
  const lines = [start];
  const room = new RegExp(`.{1,${columns - Math.max(margin, start.length)}}`, 'g');
  for (const word of text.split(/\s+/).flatMap((whole) => whole.match(room) ?? [])) {
    const line = lines.at(-1)!;
    const joined = line.endsWith(' ') ? line + word : `${line} ${word}`;
    if (joined.length <= columns || line.trim() === '') lines[lines.length - 1] = joined;
    else lines.push(' '.repeat(margin) + word);
  }
  return lines;
}

function indent(lines: string[], margin: string, first = margin): string[] {
  return lines.map((line, index) => (index === 0 ? first : margin) + line);
}
