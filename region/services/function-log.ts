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

interface LogOptions {
  /** Whether the function's role lets Lambda write to this log stream. */
  allows(action: string, stream: string): boolean;
  onLine(line: string): void;
}

/** What the role doesn't let Lambda write is lost, as on AWS. */
export function createFunctionLog(clock: Clock, { allows, onLine }: LogOptions): FunctionLog {
  const lines: LogLine[] = [];
  return {
    lines,
    stream() {
      const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '/');
      const stream = `${day}/[$LATEST]${randomBytes(16).toString('hex')}`;
      let current: string[] = [];
      const isThere = allows('logs:CreateLogStream', stream);
      return {
        write(line) {
          current.push(line);
          if (!isThere || !allows('logs:PutLogEvents', stream)) return;
          lines.push({ at: clock.now(), stream, line });
          if (lines.length > linesMax * 1.1) lines.splice(0, lines.length - linesMax);
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
