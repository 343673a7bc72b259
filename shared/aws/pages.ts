import { limits } from '../runtime/limits.ts';

/**
 * Reads all pages. A page may be short or empty and still name a next one, so only the token ends the
 * walk; the cap turns a token that never ends into an error.
 */
export async function pages<T>(
  read: (token: string | undefined) => Promise<{ items: T[]; next: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let token: string | undefined;
  for (let page = 0; page < limits.pagesMax; page++) {
    const { items, next } = await read(token);
    all.push(...items);
    if (next === undefined || next === '') return all;
    token = next;
  }
  throw new Error(`more than ${limits.pagesMax} pages`);
}

/** Splits a list into batches of at most `size`. */
export function batches<T>(list: T[], size: number): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < list.length; at += size) result.push(list.slice(at, at + size));
  return result;
}
