import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Which values of a metric count, in periods of so many seconds. */
interface Metric {
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

type Statistic = 'Maximum' | 'Minimum' | 'Sum';

interface MetricStat {
  Metric: Metric;
  Stat: Statistic;
  Period: number;
}

/** An alarm as CloudFormation has it: on one metric, or on an expression over several. */
export interface Alarm extends Partial<Metric> {
  AlarmName: string;
  AlarmDescription: string | { 'Fn::Sub': string };
  Statistic?: Statistic;
  Period?: number;
  Metrics?: { Id: string; Expression?: string; MetricStat?: MetricStat }[];
  EvaluationPeriods: number;
  DatapointsToAlarm?: number;
  ComparisonOperator: keyof typeof breaches;
  Threshold: number;
  TreatMissingData: 'breaching' | 'notBreaching';
}

const breaches = {
  GreaterThanOrEqualToThreshold: (value: number, threshold: number) => value >= threshold,
  GreaterThanThreshold: (value: number, threshold: number) => value > threshold,
  LessThanThreshold: (value: number, threshold: number) => value < threshold,
};

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

/** What a mail says of an alarm, in this region. */
export const descriptionOf = ({ AlarmDescription: text }: Pick<Alarm, 'AlarmDescription'>): string =>
  typeof text === 'string' ? text : text['Fn::Sub'].replaceAll(/\$\{AWS::Region\}/g, 'ap-northeast-1');

/** The metrics that an alarm looks at, by their ids. */
export function metricsOf(alarm: Alarm): Record<string, MetricStat> {
  const { Namespace, MetricName, Dimensions = [], Statistic: Stat, Period, Metrics } = alarm;
  if (Metrics)
    return Object.fromEntries(
      Metrics.flatMap((one) => (one.MetricStat ? [[one.Id, one.MetricStat] as const] : [])),
    );
  return { one: { Metric: { Namespace, MetricName, Dimensions }, Stat, Period } as MetricStat };
}

/**
 * Whether an alarm is in the state ALARM at a time: of the periods that end then, so many breach the threshold
 * (CloudWatch User Guide, evaluating an alarm).
 */
export function isInAlarm(alarm: Alarm, data: Datum[], at: number): boolean {
  const metrics = metricsOf(alarm);
  const periodMs = Object.values(metrics)[0]!.Period * 1000;
  const expression = alarm.Metrics?.find(({ Expression }) => Expression !== undefined)?.Expression;
  const breaching = Array.from({ length: alarm.EvaluationPeriods }, (_, index) => {
    const end = at - index * periodMs;
    const values = Object.fromEntries(
      Object.entries(metrics).map(([id, metric]) => [id, valueAt(metric, data, end)]),
    );
    const value = expression === undefined ? values.one : calculated(expression, values);
    if (value === undefined) return alarm.TreatMissingData === 'breaching';
    return breaches[alarm.ComparisonOperator](value, alarm.Threshold);
  });
  return breaching.filter(Boolean).length >= (alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods);
}

/** Of the period that ends then; undefined where nothing was measured. */
function valueAt({ Metric, Stat, Period }: MetricStat, data: Datum[], end: number): number | undefined {
  const values = data
    .filter((it) => it.at >= end - Period * 1000 && it.at < end && isOf(Metric, it))
    .map(({ value }) => value);
  if (values.length === 0) return undefined;
  return Stat === 'Sum' ? sum(values) : Math[Stat === 'Maximum' ? 'max' : 'min'](...values);
}

/** As metric math has it: a sum over all leaves out what is missing, and all else is missing with one of its parts. */
function calculated(expression: string, values: Record<string, number | undefined>): number | undefined {
  const there = Object.values(values).filter((value) => value !== undefined);
  if (expression === 'SUM(METRICS())') return there.length === 0 ? undefined : sum(there);
  const [, left = '', right = '', then = ''] = /^IF\((\w+) > (\w+), (\w+), 0\)$/.exec(expression) ?? [];
  if (left === '') throw new Error(`${expression} is not known here`);
  if (there.length < Object.keys(values).length) return undefined;
  return values[left]! > values[right]! ? values[then] : 0;
}

const sum = (values: number[]): number => values.reduce((total, one) => total + one, 0);

function isOf(
  { Namespace, MetricName, Dimensions }: Metric,
  { namespace, name, dimensions }: Datum,
): boolean {
  return (
    namespace === Namespace &&
    name === MetricName &&
    Object.keys(dimensions).length === Dimensions.length &&
    Dimensions.every(({ Name, Value }) => dimensions[Name] === Value)
  );
}
