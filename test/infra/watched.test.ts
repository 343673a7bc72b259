import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTemplate } from '../../region/template.ts';
import { decide } from '../../shared/decisions/decide.ts';
import { byHand } from '../../shared/decisions/fleet.ts';
import { type Metric, metricsOfActs, metricsOfLook, metricsOfSweep } from '../../shared/decisions/metrics.ts';
import type { Act, Status } from '../../shared/decisions/model.ts';
import {
  comingIn,
  edited,
  goingOut,
  good,
  instance,
  now,
  onLive,
  rejected,
  runs,
  world,
} from '../decisions/worlds.ts';
import { type Alarm, descriptionOf, metricsOf, packaged } from './alarms.ts';

const root = join(import.meta.dirname, '../..');
const text = (file: string) => readFileSync(join(root, file), 'utf8');
const alarms = [...packaged<Alarm>('AWS::CloudWatch::Alarm').values()];
const series = new Set(emitted().map(({ name, dimensions }) => seriesOf(name, Object.keys(dimensions))));

/** What AWS itself has a metric for, with the dimension that names the thing. */
const ofAws: Record<string, string> = {
  'AWS/Events InvocationsFailedToBeSentToDlq': 'RuleName',
  'AWS/Lambda DestinationDeliveryFailures': 'FunctionName',
  'AWS/Lambda Errors': 'FunctionName',
  'AWS/Lambda Throttles': 'FunctionName',
  'AWS/SQS ApproximateNumberOfMessagesVisible': 'QueueName',
  'AWS/SQS NumberOfMessagesSent': 'QueueName',
};
const things = new Map([
  [
    'FunctionName',
    [...packaged<{ FunctionName: string }>('AWS::Lambda::Function').values()].map((it) => it.FunctionName),
  ],
  ['RuleName', [...packaged<{ Name: string }>('AWS::Events::Rule').values()].map((it) => it.Name)],
  ['QueueName', [...packaged<{ QueueName: string }>('AWS::SQS::Queue').values()].map((it) => it.QueueName)],
]);

test('every metric of the operator is among those that are compared here', () => {
  const names = [
    ...text('shared/decisions/metrics.ts').matchAll(/(?:count|duration|ofFleetAndAll|phase)\('(\w+)'/g),
  ];
  const missing = names.filter(([, name]) => ![...series].some((it) => it.startsWith(`${name} `)));
  expect(names.length).toBeGreaterThan(15);
  expect(missing.map(([, name]) => name)).toEqual(['agent', 'proof', 'health']);
});

describe('alarms', () => {
  test.each(alarms)('$AlarmName watches what is there', (alarm) => {
    const metrics = Object.values(metricsOf(alarm));
    const wrong = metrics.filter(({ Metric: { Namespace, MetricName, Dimensions } }) => {
      const [dimension, ...others] = Dimensions;
      return others.length > 0 || !isThere(Namespace, MetricName, [dimension!.Name], dimension!.Value);
    });
    expect(wrong).toEqual([]);
    // CloudWatch takes no more metrics in one alarm.
    expect(metrics.length).toBeLessThanOrEqual(10);
  });

  test.each([
    ['FunctionName', 'DestinationDeliveryFailures'],
    ['RuleName', 'InvocationsFailedToBeSentToDlq'],
  ])('know of every %s by which an event could be lost', (dimension, name) => {
    const watched = alarms
      .flatMap((alarm) => Object.values(metricsOf(alarm)))
      .filter(({ Metric }) => Metric.MetricName === name)
      .map(({ Metric }) => Metric.Dimensions[0]!.Value);
    expect(watched.toSorted()).toEqual(things.get(dimension)?.toSorted());
  });

  test('of the operator and of fleets begin with the prefix and a slash, which the rule looks for', () => {
    const names = [...alarms.map((it) => it.AlarmName), ...ofFleets().map((it) => it.name)];
    expect(names.filter((name) => !/^(shoal|\$\{Prefix\})\/[^/]/.test(name))).toEqual([]);
    const rules = [
      ...packaged<{ Name: string; EventPattern?: { detail?: object } }>('AWS::Events::Rule').values(),
    ];
    expect(rules.find(({ Name }) => Name === 'shoal-alarms')?.EventPattern?.detail).toMatchObject({
      alarmName: [{ prefix: 'shoal/' }],
    });
  });

  test('say what happened, the command to run next, and where the rest stands', () => {
    const told = [
      ...alarms.map((it) => ({ name: it.AlarmName, description: descriptionOf(it) })),
      ...ofFleets(),
    ];
    const command = /^(npm run shoal -- (status|dead-letters)|aws (logs|cloudformation|lambda) [a-z-]+)\b/;
    const wrong = told.filter(({ description }) => {
      const [, says = '', next = '', link = ''] =
        /^(\S.+\.) Do: (\S.+\.) Runbook: (\S+)$/.exec(description) ?? [];
      return says.length + next.length > 300 || !command.test(next) || !/^(https:|\$\{runbook\}$)/.test(link);
    });
    expect(wrong).toEqual([]);
  });

  test('lead to the dashboard, which ends with a section for each', () => {
    const link =
      'https://console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1#dashboards/dashboard/shoal';
    expect(alarms.map(descriptionOf).filter((text) => !text.endsWith(` Runbook: ${link}`))).toEqual([]);
    expect([...packaged<{ DashboardName: string }>('AWS::CloudWatch::Dashboard').values()]).toMatchObject([
      { DashboardName: 'shoal' },
    ]);
    const runbook = widgets().at(-1)?.properties.markdown ?? '';
    const names = alarms.map(({ AlarmName }) =>
      AlarmName.replace(/^shoal\//, '').replace(/^throttles-.*/, 'throttles'),
    );
    const missing = [...names, 'healthy-targets', 'refused-requests'].filter(
      (name) => !runbook.includes(`### ${name}\n`) && !runbook.includes(`\`${name}\``),
    );
    expect(missing).toEqual([]);
    expect(runbook).not.toMatch(/\]\(|\$\{/);
  });
});

interface Widget {
  type: string;
  properties: { title: string; markdown?: string; metrics: [string | { expression: string }, ...string[]][] };
}

function widgets(): Widget[] {
  const [dashboard] = packaged<{ DashboardBody: { 'Fn::Sub': string } }>(
    'AWS::CloudWatch::Dashboard',
  ).values();
  return JSON.parse(dashboard!.DashboardBody['Fn::Sub']).widgets;
}

test('each chart of the dashboard shows what is there', () => {
  const lines = widgets()
    .filter(({ type }) => type === 'metric')
    .flatMap(({ properties: { title, metrics } }) => metrics.map((line) => ({ title, line })));
  expect(lines.length).toBeGreaterThan(20);
  const wrong = lines.filter(({ line: [first, name = '', dimension = '', value = ''] }) => {
    if (typeof first === 'string') return !isThere(first, name, [dimension], value);
    const search = /^SEARCH\('\{(\w+),([\w,]+)\} MetricName="(\w+)" service="shoal"', '\w+', 300\)$/;
    const [, namespace = '', dimensions = '', searched = ''] = search.exec(first.expression) ?? [];
    return !isThere(namespace, searched, dimensions.split(','), 'shoal');
  });
  expect(wrong).toEqual([]);
});

function isThere(namespace: string, name: string, dimensions: string[], value: string): boolean {
  if (namespace === 'Shoal')
    return (
      value === 'shoal' &&
      series.has(
        seriesOf(
          name,
          dimensions.filter((it) => it !== 'service'),
        ),
      )
    );
  const [dimension = ''] = dimensions;
  return ofAws[`${namespace} ${name}`] === dimension && things.get(dimension)?.includes(value) === true;
}

/** `service` is on everything that the operator writes. */
function seriesOf(name: string, dimensions: string[]): string {
  return `${name} ${dimensions.toSorted().join(',')}`;
}

/** The alarms that the templates of fleets make, with their variables in them. */
function ofFleets(): { name: string; description: string }[] {
  const files = readdirSync(join(root, 'infra')).filter((file) => /^(fleet|adopt).*\.yml$/.test(file));
  const resources = files.flatMap((file) => Object.values(readTemplate(text(`infra/${file}`)).Resources));
  const plain = (value: unknown) =>
    String([(value as { 'Fn::Sub'?: string | string[] })['Fn::Sub'] ?? value].flat()[0]);
  return resources
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties = {} }) => ({
      name: plain(Properties.AlarmName),
      description: plain(Properties.AlarmDescription),
    }));
}

/** Of every metric that the operator writes one value or more, by the code that decides on them. */
function emitted(): Metric[] {
  const launched = comingIn('i-1', { startedAt: now - 10_000 });
  const leaving = goingOut('i-2', { startedAt: now - 10_000 });
  const complete = (of: typeof launched, result: 'ABANDON' | 'CONTINUE'): Act => ({
    ...{ step: 'complete', instance: of.id, group: of.group, hook: of.hook?.name ?? '', result, reason: 'x' },
  });
  const write = (status: Status): Act => ({ step: 'write-status', instance: null, status, reason: 'x' });
  const rollout = {
    ...{ sha256: edited.sha256, forced: false, startedAt: now },
    unhealthyBefore: [],
    build: 1,
  };
  const acts: Act[] = [
    ...(['ABANDON', 'CONTINUE'] as const).map((result) => complete(launched, result)),
    complete(leaving, 'CONTINUE'),
    {
      ...{ step: 'apply', instance: 'i-3', config: good, reason: 'x' },
      intent: { epoch: 1, version: 1, rank: 0 },
    },
    write({ ...onLive, rollout }),
    write({ ...onLive, live: { sha256: edited.sha256, since: now } }),
    write({ ...onLive, rejected }),
    write({ ...onLive, rejected: { ...rejected, instance: byHand } }),
  ];
  const observed = world([launched, leaving, instance('i-3', { host: runs(good) })]);
  const look = world([instance('i-4', { agentOnline: false })]);
  const refused = { kind: 'unreachable', reason: 'x', at: now, upgrading: true } as const;
  const upgrading = world([instance('i-5', { host: refused })]);
  return [
    ...metricsOfActs(observed, acts, () => now - 1_000),
    ...[look, upgrading].flatMap((it) => metricsOfLook(it, decide(it))),
    ...metricsOfSweep,
  ];
}
