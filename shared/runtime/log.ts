import { Logger } from '@aws-lambda-powertools/logger';

/** One logger a function: structured lines, the invocation's ids on each (Powertools for AWS Lambda). */
export const logger = new Logger({
  // What JSON leaves as it is, and a terminal would obey: events and hosts have others' words in them.
  jsonReplacerFn: (_, value) =>
    typeof value === 'string' ? value.replace(/[\u007f-\u009f\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}]/gu, ' ') : value,
});
