import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that wait long for real time, so that a worker left alone at the end would wait for nothing else. */
const longest = ['demo.host', 'killed.host', 'demo-broken.host', 'rollout-hosts.slow', 'interleavings.slow'];

/** The longest files begin first: a fresh clone has no record of earlier runs to order them by. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index < 0 ? longest.length : index;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}
