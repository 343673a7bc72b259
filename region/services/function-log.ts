import { randomBytes } from 'node:crypto';
import type { Clock } from '../ports.ts';

export interface LogLine {
  /** Milliseconds since the epoch. */
  at: number;
  /** Log stream: one for each sandbox, as in CloudWatch Logs. */
  stream: string;
  line: string;
}

export interface LogStream {
  write(line: string): void;
  /** Marks the start of an invocation; the answer gives its lines so far, at most their last 4 KB. */
  tail(): () => string;
}

/** A function's log group, bounded to the last `linesMax` lines. */
export interface FunctionLog {
  lines: LogLine[];
  stream(): LogStream;
}

const linesMax = 10_000;
const tailCharactersMax = 4096;

export function createFunctionLog(clock: Clock, onLine: (line: string) => void): FunctionLog {
  const lines: LogLine[] = [];
  return {
    lines,
    stream() {
      const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '/');
      const stream = `${day}/[$LATEST]${randomBytes(16).toString('hex')}`;
      let current: string[] = [];
      return {
        write(line) {
          lines.push({ at: clock.now(), stream, line });
          if (lines.length > linesMax * 1.1) lines.splice(0, lines.length - linesMax);
          current.push(line);
          onLine(line);
        },
        tail() {
          const own: string[] = [];
          current = own;
          return () =>
            own
              .map((line) => `${line}\n`)
              .join('')
              .slice(-tailCharactersMax);
        },
      };
    },
  };
}
