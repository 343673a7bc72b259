import type { Place } from './operator.ts';

/** What AWS's refusals and broken connections mean to whoever typed the command, and what to do about them. */
export function explain(
  error: unknown,
  { prefix, port, region }: Place,
  needed = { action: 'lambda:InvokeFunction', resource: `${prefix}-reconcile` },
): string {
  const { action, resource } = needed;
  const { name, message, code } = rootOf(error);
  const where = port === undefined ? (region ?? 'this region') : 'the local region';
  if (name === 'ResourceNotFoundException' || name === 'QueueDoesNotExist')
    return `there is no ${action.startsWith('sqs:') ? 'queue' : 'function'} ${resource} in ${where}: --stage and --region say which is meant`;
  if (isDenied(error)) return `not allowed: ${action} on ${resource} is needed (${message})`;
  if (name === 'CredentialsProviderError')
    return `no AWS credentials: sign in, or set AWS_PROFILE (${message})`;
  if (/ExpiredToken|UnrecognizedClient|InvalidClientToken|Signature/.test(name))
    return `AWS does not take these credentials: sign in again (${message})`;
  if (message.startsWith('Region is missing')) return 'no region: --region or AWS_REGION says which';
  if (code === 'ECONNREFUSED' && port !== undefined)
    return `no region runs on port ${port}: npm run region -- up starts one`;
  if (name === 'TimeoutError')
    return `no answer in time; what has begun goes on by itself, and status says how far it is (${message})`;
  if (name === 'TooManyRequestsException')
    return 'the account has no execution of a function left: try again in a moment';
  return `${name}: ${message}`;
}

export function isDenied(error: unknown): boolean {
  return rootOf(error).name.startsWith('AccessDenied');
}

function rootOf(error: unknown): Error & { code?: string } {
  let root = error as Error;
  while (root.cause instanceof Error) root = root.cause;
  return root;
}
