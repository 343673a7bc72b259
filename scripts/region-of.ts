import { LambdaClient } from '@aws-sdk/client-lambda';

/**
 * The region that a command means, in the order of the AWS CLI, so that a fleet that is deployed with it comes to its
 * operator: the one that is given, AWS_REGION, AWS_DEFAULT_REGION, that of the AWS profile. Undefined for none of them.
 */
export async function regionOf(given: string | undefined): Promise<string | undefined> {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const said = given || AWS_REGION || AWS_DEFAULT_REGION;
  // The SDK reads the profiles; it knows of no AWS_DEFAULT_REGION, and rejects where there is none at all.
  return said || (await new LambdaClient().config.region().catch(() => undefined));
}
