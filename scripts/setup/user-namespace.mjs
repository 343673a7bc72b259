import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { readIfThere } from './stale.mjs';

const REGION = ['--user', '--map-auto', '--map-root-user', '--net', '--mount', 'true'];

/** Settings that keep ordinary users from having namespaces, and what lifts each of them. */
const SETTINGS = [
  { name: 'user.max_user_namespaces', forbids: '0', allows: '10000' },
  { name: 'kernel.unprivileged_userns_clone', forbids: '0', allows: '1' },
  { name: 'kernel.apparmor_restrict_unprivileged_userns', forbids: '1', allows: '0' },
];

/** Why this ordinary user can't have a region's namespaces, and what to do about it; undefined where it can. */
export function userNamespaceObstacle() {
  const { status, stderr, error } = spawnSync('unshare', REGION, { encoding: 'utf8' });
  if (status === 0) return undefined;
  const { username, uid } = userInfo();
  for (const { name, forbids, allows } of SETTINGS) {
    if (readIfThere(`/proc/sys/${name.replaceAll('.', '/')}`).trim() === forbids)
      return `${name} is ${forbids}: sudo sysctl -w ${name}=${allows}`;
  }
  const hasRange = (file) => new RegExp(`^(${username}|${uid}):`, 'm').test(readIfThere(file));
  if (!['/etc/subuid', '/etc/subgid'].every(hasRange)) {
    const range = '200000-265535';
    return `${username} has no range of other users and groups to map:
       sudo usermod --add-subuids ${range} --add-subgids ${range} ${username}`;
  }
  return `unshare says: ${error?.message ?? stderr.trim()}`;
}
