import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** How a request or a connection can fail, as its client sees it. */
export const failures = ['refused', 'reset', 'status', 'time-out', 'broken'] as const;
export type Failure = (typeof failures)[number];

/** Says which kind of failure it is; other errors are told apart by `failureOf`. */
export class FloodError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export function failureOf(error: unknown): Failure {
  if (error instanceof FloodError) return error.failure;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset';
  return code === 'ETIMEDOUT' ? 'time-out' : 'broken';
}

/** Long enough for a busy machine with one processor; whoever waits longer has failed. */
const patienceMs = 20_000;

export interface Place {
  host: string;
  port: number;
}

interface Answer {
  status: number;
  headers: string;
  body: string;
  /** The far end has said that it closes the connection after this answer. */
  closes: boolean;
}

/** A connection on which requests are answered one after another. Nothing is ever tried again. */
export class Connection {
  private readonly socket: Socket;
  private received = '';
  /** Why nothing more will be received. */
  private gone: Error | null = null;
  private closed = false;
  private wake = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('connect', () => this.wake());
    socket.on('secureConnect', () => this.wake());
    socket.on('data', (text) => {
      this.received += text;
      this.wake();
    });
    socket.on('end', () => this.lose(new FloodError('broken', 'the far end closed the connection')));
    socket.on('error', (error) => this.lose(error));
    socket.on('close', () => {
      this.closed = true;
      this.lose(new FloodError('broken', 'the connection is closed'));
    });
  }

  /** Rejects with what kept it from being made. */
  static async open(proxy: Place): Promise<Connection> {
    const connection = new Connection(connect({ ...proxy, noDelay: true }));
    await connection.until(() => connection.socket.readyState === 'open', 'connecting');
    return connection;
  }

  /** A tunnel through the proxy to the destination, with TLS in it; its certificate is verified. */
  static async openTunnel(proxy: Place, destination: Place): Promise<Connection> {
    const outer = await Connection.open(proxy);
    const target = `${destination.host}:${destination.port}`;
    const { status } = await outer.ask(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    if (status !== 200) {
      outer.destroy();
      throw new FloodError('status', `CONNECT answered with ${status}`);
    }
    const socket = connectTls({ socket: outer.socket, servername: destination.host });
    const inner = new Connection(socket);
    // TLS itself may only say that it was closed.
    outer.socket.on('error', (error) => inner.lose(error));
    // Set once the handshake is done and the certificate verified.
    await inner.until(() => socket.authorized, 'the TLS handshake');
    return inner;
  }

  /** The port by which the proxy knows this client. */
  get localPort(): number {
    return this.socket.localPort ?? 0;
  }

  isOver(): boolean {
    return this.gone !== null;
  }

  /** What ended it, when that wasn't an orderly close. */
  error(): Error | null {
    return this.gone instanceof FloodError ? null : this.gone;
  }

  /** Sends a request and resolves to its whole answer. */
  async ask(request: string): Promise<Answer> {
    this.socket.write(request);
    let answer: Answer | null = null;
    await this.until(() => {
      answer = this.takeAnswer(request.startsWith('CONNECT'));
      return answer !== null;
    }, 'the answer');
    return answer as unknown as Answer;
  }

  /** Waits until the far end has closed it, as its last answer announced. */
  async closedByFarEnd(): Promise<void> {
    await this.until(() => this.gone !== null, 'the announced close', true);
    const error = this.error();
    if (error !== null) throw error;
  }

  async end(): Promise<void> {
    this.socket.end();
    await this.until(() => this.closed, 'the close', true);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private lose(error: Error): void {
    this.gone ??= error;
    this.wake();
  }

  /** Rejects with what ended the connection before, unless that is what is waited for. */
  private async until(done: () => boolean, what: string, mayEnd = false): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.wake();
    }, patienceMs);
    try {
      while (!done()) {
        if (late) throw new FloodError('time-out', `${what} took longer than ${patienceMs / 1000} s`);
        if (this.gone !== null && !mayEnd) throw this.gone;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } catch (error) {
      this.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private takeAnswer(isConnect: boolean): Answer | null {
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const headers = this.received.slice(0, end);
    const length = isConnect ? 0 : Number(/^content-length: *(\d+)/im.exec(headers)?.[1] ?? 0);
    const next = end + 4 + length;
    if (this.received.length < next) return null;
    const body = this.received.slice(end + 4, next);
    this.received = this.received.slice(next);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(headers)?.[1] ?? 0);
    return { status, headers, body, closes: /^connection: *close/im.test(headers) };
  }
}
