import { vi } from 'vitest';

/** Back-offs draw lots: the same ones each time, so that the figures are the same too. */
export function seedChance() {
  let state = 1;
  vi.spyOn(Math, 'random').mockImplementation(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}
