/**
 * What AWS's errors mean to us, in one place. AWS has no dedicated codes for some of them, so a message is
 * matched where the code alone is ambiguous (Auto Scaling says ValidationError for a finished action).
 */
const named = (error: unknown): { name: string; message: string; status?: number | undefined } => {
  if (!(error instanceof Error)) return { name: '', message: String(error) };
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return { name: error.name, message: error.message, status };
};

/** The lifecycle action was completed or has expired, which both mean: done. */
export function isActionOver(error: unknown): boolean {
  const { name, message } = named(error);
  return name === 'ValidationError' && /No active Lifecycle Action found/i.test(message);
}

/** What was asked for does not exist (any more). Absence is an answer, not a failure. */
export function isGone(error: unknown): boolean {
  return ['ParameterNotFound', 'TargetGroupNotFound', 'TargetGroupNotFoundException'].includes(
    named(error).name,
  );
}

/** Parameter Store already has a parameter of that name (PutParameter without Overwrite). */
export function isTaken(error: unknown): boolean {
  return named(error).name === 'ParameterAlreadyExists';
}

/** The caller may not: on a command to several instances it may also mean that one of them is untagged. */
export function isDenied(error: unknown): boolean {
  return named(error).name === 'AccessDeniedException';
}

/** A command cannot be sent to (at least) one of the instances: not registered yet, going away, or untagged. */
export function isUnreachable(error: unknown): boolean {
  return named(error).name === 'InvalidInstanceId' || isDenied(error);
}

/**
 * The document is not the one whose hash was sent. The API reference names no error for it; accounts answer
 * "document hash … does not match Sha256." (docs/decisions.md).
 */
export function isOtherDocument(error: unknown): boolean {
  const { name, message } = named(error);
  return name === 'InvalidDocument' && /hash/i.test(message);
}

/** The command is known, its invocations are not yet. */
export function isNotYet(error: unknown): boolean {
  return ['InvocationDoesNotExist', 'InvalidCommandId'].includes(named(error).name);
}

/** A target that is not a running instance of the target group's network. */
export function isInvalidTarget(error: unknown): boolean {
  return ['InvalidTarget', 'InvalidTargetException'].includes(named(error).name);
}

/** Wraps an error with what was being done, keeping the cause. */
function while_(doing: string, cause: unknown): Error {
  const { name, message } = named(cause);
  return new Error(`${doing}: ${name === '' || name === 'Error' ? '' : `${name}: `}${message}`, { cause });
}

/** Runs `call`; whatever it throws names what was being done. */
export async function doing<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw while_(what, error);
  }
}
