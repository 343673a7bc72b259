/** How an invocation failed, as Lambda hands it to the caller. */
export class FunctionError extends Error {
  override name = 'FunctionError';
  readonly errorType: string;
  readonly trace: string[] | undefined;
  /** The environment is gone (its process died), so the next invocation starts another one. */
  readonly fatal: boolean;

  constructor(error: {
    errorType: string;
    errorMessage: string;
    trace?: string[] | undefined;
    fatal?: boolean;
  }) {
    super(error.errorMessage);
    this.errorType = error.errorType;
    this.trace = error.trace;
    this.fatal = error.fatal ?? false;
  }

  /** The payload of the answer, next to the header X-Amz-Function-Error. */
  payload(): { errorType: string; errorMessage: string; trace?: string[] } {
    const payload = { errorType: this.errorType, errorMessage: this.message };
    return this.trace ? { ...payload, trace: this.trace } : payload;
  }
}

/** What a handler threw, as a FunctionError. */
export function functionError(thrown: unknown): FunctionError {
  if (thrown instanceof FunctionError) return thrown;
  if (!(thrown instanceof Error))
    return new FunctionError({ errorType: typeof thrown, errorMessage: String(thrown) });
  return new FunctionError({
    errorType: thrown.name,
    errorMessage: thrown.message,
    trace: (thrown.stack ?? '').split('\n'),
  });
}
