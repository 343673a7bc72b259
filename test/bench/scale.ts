import type { Figure } from './figure.ts';
import { scenario } from './scenario.ts';

/** A hundred launches at once, and a thousand instances within AWS's quotas, for both usual concurrencies. */
export function scale(): Figure[] {
  const hundred = scenario('test/scenarios/scale.slow.test.ts').map(
    ({ concurrency, one, hundred }): Figure => ({
      what: `100 launches at once, ${concurrency} functions at once`,
      unit: 's',
      target: 2 * one + 120,
      measured: hundred,
      how: `until all are in service, at AWS's own delays on virtual time; one alone took ${one} s`,
    }),
  );
  return [...hundred, ...['10', '1000'].flatMap(quotas)];
}

function quotas(concurrency: string): Figure[] {
  const file = 'test/scenarios/scale-quotas.slow.test.ts';
  const [{ small, large }] = scenario(file, { environment: { SCALE_CONCURRENCY: concurrency, WHOLE: '1' } });
  const fleets = `10 fleets at once, ${concurrency} functions at once`;
  const how =
    `the operator's calls of ten minutes: ${small.calls} for 250 and ${large.calls} for 1,000 instances, ` +
    `${large.throttled} of them throttled; all in service after ${small.seconds} and ${large.seconds} s`;
  return [
    {
      what: `calls for 1,000 instances by those for 250, ${fleets}`,
      unit: '×',
      target: 5,
      measured: large.calls / small.calls,
      how,
    },
    {
      what: `calls given up because of throttles, ${fleets}`,
      unit: 'calls',
      target: 0,
      measured: large.failures.length,
      how,
    },
  ];
}
