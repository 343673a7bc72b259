import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** An alarm on one metric, as CloudFormation has it. */
export interface Alarm {
  AlarmName: string;
  AlarmDescription: string;
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
  Statistic: 'Maximum' | 'Sum';
  Period: number;
  EvaluationPeriods: number;
  DatapointsToAlarm: number;
  ComparisonOperator: 'GreaterThanOrEqualToThreshold' | 'LessThanThreshold';
  Threshold: number;
  TreatMissingData: 'breaching' | 'notBreaching';
}

/** One value that CloudWatch is given. */
export interface Datum {
  /** Milliseconds since the epoch. */
  at: number;
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
  value: number;
}

/** The packaged template's resources of a type, by their logical id. */
export function packaged<Properties>(type: string): Map<string, Properties> {
  const file = join(root, '.serverless/cloudformation-template-update-stack.json');
  const { Resources } = JSON.parse(readFileSync(file, 'utf8')) as {
    Resources: Record<string, { Type: string; Properties: Properties }>;
  };
  const found = Object.entries(Resources).filter(([, { Type }]) => Type === type);
  return new Map(found.map(([id, { Properties }]) => [id, Properties]));
}

/**
 * Whether an alarm is in the state ALARM at a time: of the periods that end then, so many breach the threshold
 * (CloudWatch User Guide, evaluating an alarm).
 */
export function isInAlarm(alarm: Alarm, data: Datum[], at: number): boolean {
  const own = data.filter((it) => isOf(alarm, it));
  const periodMs = alarm.Period * 1000;
  const breaches = Array.from({ length: alarm.EvaluationPeriods }, (_, index) => {
    const end = at - index * periodMs;
    const values = own.filter((it) => it.at >= end - periodMs && it.at < end).map(({ value }) => value);
    if (values.length === 0) return alarm.TreatMissingData === 'breaching';
    const value = alarm.Statistic === 'Sum' ? values.reduce((sum, one) => sum + one, 0) : Math.max(...values);
    return alarm.ComparisonOperator === 'LessThanThreshold'
      ? value < alarm.Threshold
      : value >= alarm.Threshold;
  });
  return breaches.filter(Boolean).length >= alarm.DatapointsToAlarm;
}

function isOf({ Namespace, MetricName, Dimensions }: Alarm, { namespace, name, dimensions }: Datum): boolean {
  return (
    namespace === Namespace &&
    name === MetricName &&
    Object.keys(dimensions).length === Dimensions.length &&
    Dimensions.every(({ Name, Value }) => dimensions[Name] === Value)
  );
}
