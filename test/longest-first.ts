import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take half a minute, the longest first, after the one that has a worker of its own (vitest.config.ts). */
const longest = [
  'rollout-upgrade.slow',
  'demo.host',
  'killed.host',
  'accidents.host',
  'account/run.slow',
  'demo-broken.host',
  'flood.host',
  'dead-letters.slow',
  'interleavings.slow',
];

/**
 * After the fast files, the longest begin first, so that a worker left alone at the end would wait for nothing else: a
 * fresh clone has no record of earlier runs to order them by. Files with real hosts and processes wait half of their
 * time, so after each comes one of scenarios on virtual time, which compute alone.
 */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index < 0 ? longest.length : index;
    };
    const sorted = (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
    const {
      fast = [],
      waiting = [],
      computing = [],
    } = Object.groupBy(sorted, ({ moduleId }) => {
      if (!/\.(host|slow)\.test\.ts$/.test(moduleId)) return 'fast';
      return /\/scenarios\/[^/]*\.slow\.test\.ts$/.test(moduleId) ? 'computing' : 'waiting';
    });
    const paired = waiting.flatMap((file, index) => [file, ...computing.slice(index, index + 1)]);
    return [...fast, ...paired, ...computing.slice(waiting.length)];
  }
}
