import { Metrics } from '@aws-lambda-powertools/metrics';

const metrics = new Metrics({ namespace: 'Shoal' });

/** One value, as CloudWatch has it beside the operator's own dimension, `service`. */
export interface Value {
  name: string;
  unit: 'Count' | 'Seconds';
  value: number;
  dimensions: Record<string, string>;
}

/** Writes values in CloudWatch's embedded metric format, a line for those of the same dimensions. */
export function emit(values: Value[]): void {
  for (const same of Map.groupBy(values, ({ dimensions }) => JSON.stringify(dimensions)).values()) {
    metrics.addDimensions(same[0]?.dimensions ?? {});
    for (const { name, unit, value } of same) metrics.addMetric(name, unit, value);
    metrics.publishStoredMetrics();
  }
}
