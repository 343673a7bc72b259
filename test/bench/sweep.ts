import type { Figure } from './figure.ts';
import { scenario } from './scenario.ts';

/** What a sweep of one healthy fleet costs, without and with its hosts asked. */
export function sweep(): Figure[] {
  const how = "the region's request log of one sweep and what it hands over, polls aside, on virtual time";
  return scenario('test/scenarios/cost.slow.test.ts').flatMap(({ count, looking, asking }): Figure[] => {
    const batches = Math.ceil(count / 50);
    const figure = (what: string, measured: number, target: number): Figure => ({
      ...{ what: `a sweep of ${count}, ${what}`, unit: 'calls', target, measured, how },
    });
    return [
      figure('no host asked', looking, 8 + 2 * batches),
      figure('every host asked', asking, 8 + 6 * batches),
    ];
  });
}
