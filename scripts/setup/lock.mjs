import { linkSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './say.mjs';
import { readIfThere } from './stale.mjs';

/**
 * Runs `work` while no other set-up of this checkout does. A holder that died without giving the lock back
 * loses it: the lock names its process and when that was started, since process ids are used again.
 */
export async function withLock(root, work) {
  mkdirSync(join(root, 'build'), { recursive: true });
  const lock = join(root, 'build/setup.lock');
  const own = `${process.pid} ${startOf(process.pid)}`;
  let told = false;
  while (!take(lock, own)) {
    const holder = readIfThere(lock);
    if (holder !== '' && !isAlive(holder)) {
      breakLock(lock, holder);
      continue;
    }
    if (!told && holder !== '') say(`waiting for another set-up, process ${holder.split(' ')[0]}`);
    told = true;
    await sleep(100);
  }
  const giveBack = () => {
    if (readIfThere(lock) === own) unlinkSync(lock);
  };
  process.on('exit', giveBack);
  try {
    return await work();
  } finally {
    giveBack();
    process.off('exit', giveBack);
  }
}

/** Linking a file that is whole makes the lock appear with its content, and fails where there is one. */
function take(lock, own) {
  const draft = `${lock}.${process.pid}`;
  writeFileSync(draft, own);
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

/** Another waiter may have broken it already, and what lies there now may be the lock of a living one. */
function breakLock(lock, holder) {
  const aside = `${lock}.${process.pid}.stale`;
  try {
    renameSync(lock, aside);
    if (readIfThere(aside) !== holder) linkSync(aside, lock);
    unlinkSync(aside);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
}

function isAlive(holder) {
  const [pid, start] = holder.split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return startOf(pid) === start;
}

/** When a process was started, in the kernel's ticks; `unknown` where there is no /proc. */
function startOf(pid) {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown';
}
