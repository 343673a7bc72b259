import type { Figure } from './figure.ts';
import { scenario } from './scenario.ts';

/** What one admission costs. */
export function calls(): Figure[] {
  const title = 'an admission takes few calls at the true speed of AWS';
  const [{ distinct, reads }] = scenario('test/scenarios/lifecycle.test.ts', { title });
  const how = "the region's request log, one instance more, at AWS's own delays on virtual time";
  return [
    { what: 'different AWS calls an admission', unit: 'calls', target: 14, measured: distinct, how },
    { what: 'reads an admission, repeated ones too', unit: 'calls', target: 25, measured: reads, how },
  ];
}
