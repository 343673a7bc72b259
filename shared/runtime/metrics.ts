import { Metrics } from '@aws-lambda-powertools/metrics';

const metrics = new Metrics({ namespace: 'Shoal' });

/** Writes one value as a line in CloudWatch's embedded metric format (Powertools for AWS Lambda). */
export function emit(
  name: string,
  unit: 'Count' | 'Seconds',
  value: number,
  dimensions: Record<string, string>,
): void {
  const single = metrics.singleMetric();
  single.addDimensions(dimensions);
  single.addMetric(name, unit, value);
}
