import { nearest } from './nearest.ts';
import { shown } from './plain.ts';
import type { Settings, Share } from './settings.ts';
import type { Reader } from './values.ts';

type Rollout = Settings['rollout'];

export const defaultRollout: Rollout = {
  canary: { count: 1 },
  wave: { percent: 25 },
  errors: { count: 0 },
  soakSeconds: 0,
};

const soakSecondsMax = 86_400;
const keys = ['canary', 'wave', 'errors', 'soak'] as const;

/** Reads `canary=1,wave=25%,errors=0,soak=0`: any of the four, in any order, once each. */
export const rollout: Reader<Rollout> = (text, problem) => {
  const result = { ...defaultRollout };
  const seen = new Set<string>();
  const items = text.replace(/\s*=\s*/g, '=').split(/[\s,]+/);
  for (const item of items.filter((part) => part !== '')) {
    const [name = '', value = '', ...rest] = item.split('=');
    const key = keys.find((known) => known === name);
    if (key === undefined || value === '' || rest.length > 0) {
      const near = nearest(name, keys);
      const expected = key
        ? `${key}=VALUE`
        : `one of ${keys.join(', ')}${near ? ` (did you mean ${near}?)` : ''}`;
      problem(`${shown(item)} isn't taken: expected ${expected}`);
      continue;
    }
    if (seen.has(key)) problem(`${key} is there twice: expected it once`);
    seen.add(key);
    if (key === 'soak') {
      if (isWhole(value) && Number(value) <= soakSecondsMax) result.soakSeconds = Number(value);
      else problem(`${shown(item)} isn't taken: expected whole seconds from 0 to ${soakSecondsMax}`);
      continue;
    }
    const share = readShare(value);
    const least = key === 'wave' ? 1 : 0;
    if (share !== null && ('count' in share ? share.count : share.percent) >= least) result[key] = share;
    else
      problem(`${shown(item)} isn't taken: expected a number of instances or 1% to 100%, at least ${least}`);
  }
  if (items.every((part) => part === '')) problem(`holds no entry: expected some of ${keys.join(', ')}`);
  return result;
};

function readShare(text: string): Share | null {
  if (isWhole(text)) return { count: Number(text) };
  const percent = text.endsWith('%') ? text.slice(0, -1) : '';
  return isWhole(percent) && Number(percent) <= 100 ? { percent: Number(percent) } : null;
}

function isWhole(text: string): boolean {
  return /^(0|[1-9][0-9]{0,5})$/.test(text);
}
