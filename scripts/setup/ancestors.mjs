import { readIfThere } from './stale.mjs';

/** The ids of the processes above this one, nearest first; only the parent's where there is no /proc. */
export function ancestors() {
  const found = [process.ppid];
  for (let pid = parentOf(process.ppid); pid > 1; pid = parentOf(pid)) found.push(pid);
  return found;
}

/** The id of a process's parent; 0 when it has none, has ended, or where there is no /proc. */
export function parentOf(pid) {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The name in brackets may hold spaces and brackets of its own.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}
