import { AwsError } from '../../region/service.ts';
import type { Wire } from '../../region/wire.ts';

interface Bucket {
  service: string;
  operations: RegExp;
  /** Calls at once. */
  size: number;
  refilledPerSecond: number;
}

/**
 * AWS's rates for one account in one region, as token buckets that all callers share.
 *
 * - elbv2: "Request throttling for the ELB API", Elastic Load Balancing user guide.
 * - Parameter Store: "AWS Systems Manager endpoints and quotas", AWS General Reference: 40 reads and 3 writes
 *   a second without higher throughput.
 * - Auto Scaling: all calls share one bucket (API reference, "API request rate"), whose size AWS doesn't
 *   publish. Run Command's rates aren't published either. Both are assumed to be what elbv2 publishes, the
 *   smallest of all that is known.
 */
const published: Bucket[] = [
  { service: 'elbv2', operations: /^Describe/, size: 40, refilledPerSecond: 10 },
  { service: 'elbv2', operations: /^(Register|Deregister)Targets$/, size: 20, refilledPerSecond: 4 },
  { service: 'ssm', operations: /^GetParameter/, size: 40, refilledPerSecond: 40 },
  { service: 'ssm', operations: /^PutParameter$/, size: 3, refilledPerSecond: 3 },
];
const assumed: Bucket[] = [
  { service: 'autoscaling', operations: /./, size: 40, refilledPerSecond: 10 },
  { service: 'ssm', operations: /^SendCommand$/, size: 20, refilledPerSecond: 4 },
  { service: 'ssm', operations: /^ListCommandInvocations$/, size: 40, refilledPerSecond: 10 },
  { service: 'ssm', operations: /^DescribeInstanceInformation$/, size: 40, refilledPerSecond: 10 },
];

/** Puts the quotas before a region's wire; `now` is its clock. Answers with how many calls were throttled. */
export function enforceQuotas(wire: Wire, now: () => number): { throttled(): number } {
  const buckets = [...published, ...assumed].map((bucket) => ({ ...bucket, tokens: bucket.size, at: now() }));
  let throttled = 0;
  wire.fault = ({ service, operation }) => {
    const bucket = buckets.find((it) => it.service === service && it.operations.test(operation));
    if (bucket === undefined) return undefined;
    const refilled = ((now() - bucket.at) / 1000) * bucket.refilledPerSecond;
    bucket.tokens = Math.min(bucket.size, bucket.tokens + refilled);
    bucket.at = now();
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return undefined;
    }
    throttled += 1;
    return new AwsError(service === 'ssm' ? 'ThrottlingException' : 'Throttling', 'Rate exceeded', 400);
  };
  return { throttled: () => throttled };
}
