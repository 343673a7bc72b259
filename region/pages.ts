import { AwsError } from './service.ts';

/** One page of a list and the token of the next; `code` is the service's error for a token it didn't give. */
export function page<T>(
  items: readonly T[],
  token: string | undefined,
  size: number,
  code: string,
  /** Makes tokens differ that stand for the same place. */
  salt = '',
): { items: T[]; next: string | undefined } {
  const start = token === undefined ? 0 : Number(Buffer.from(token, 'base64url').toString().split(':')[1]);
  if (!Number.isInteger(start)) throw new AwsError(code, 'The specified nextToken is invalid.');
  const end = start + size;
  const next = end < items.length ? Buffer.from(`page:${end}:${salt}`).toString('base64url') : undefined;
  return { items: items.slice(start, end), next };
}
