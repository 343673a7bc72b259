import { readlinkSync } from 'node:fs';

/**
 * An ordinary user's region lives in a user namespace of its own, whose root that user is. Other users are
 * mapped as well, since Squid gives up being root.
 */
export const isOrdinaryUser = (): boolean => process.getuid?.() !== 0;

/** What starts a program as the root of a new user namespace, in the place of the program itself. */
export const newUserNamespace = ['unshare', '--user', '--map-auto', '--map-root-user'];

/** What is put before a command to run it in the user namespace of process `pid`: nothing for who is in it. */
export function enterUserNamespace(pid: number): string[] {
  const namespace = (of: number | 'self') => readlinkSync(`/proc/${of}/ns/user`);
  return namespace(pid) === namespace('self') ? [] : ['nsenter', '-t', String(pid), '-U', '--'];
}
