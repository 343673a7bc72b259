import { Logger } from '@aws-lambda-powertools/logger';

/** One logger a function: structured lines, the invocation's ids on each (Powertools for AWS Lambda). */
export const logger = new Logger();
