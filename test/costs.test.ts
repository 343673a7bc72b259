import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readTemplate } from '../region/template.ts';
import { metricsOfLook } from '../shared/decisions/metrics.ts';
import { fleetScope, good, instance, runs, world } from './decisions/worlds.ts';
import { type Alarm, metricsOf, packaged } from './infra/alarms.ts';

/** docs/costs.md says what it counts and at which prices; what follows from that is worked out here again. */

const page = readFileSync(new URL('../docs/costs.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.slice(2, -2).split(' | '));
const number = (text = '') => Number(text.replace(/[$,*]/g, ''));
const value = (key: string) => {
  const row = rows.find(([name]) => name === key);
  if (row === undefined) throw new Error(`docs/costs.md has no row ${key}`);
  return number(row[1]);
};
const dollars = (amount: number) => `$${amount.toFixed(2)}`;
const hours = 730;

const seconds =
  value('sweeps-a-month') * value('sweep-seconds') +
  value('runs-a-month') * value('run-seconds') +
  value('admissions-a-month') * (value('admission-seconds') + value('drain-seconds')) +
  value('edits-a-month') * value('edit-seconds');
const acts = 2 * value('admissions-a-month') + value('edits-a-month');
const requests = value('sweeps-a-month') + value('runs-a-month') + acts;
const logKb =
  (value('sweeps-a-month') + value('runs-a-month')) * value('log-kb-a-sweep') + acts * value('log-kb-an-act');
const series = value('series-of-operator') + value('series-of-fleet') + value('rare-series-hours') / hours;
const operator = {
  functions:
    seconds * value('function-gb') * value('lambda-gb-second') + (requests / 1e6) * value('lambda-million'),
  logs: (logKb / 1024 ** 2) * value('log-gb'),
  metrics: series * value('metric'),
  alarms: (value('alarms-of-operator') + value('alarms-of-fleet')) * value('alarm'),
  'dashboard and notices':
    value('dashboards') * value('dashboard') + (value('notices-a-month') / 1000) * value('email-thousand'),
};
const operatorInAll = Object.values(operator).reduce((sum, one) => sum + one, 0);
const further = value('series-of-fleet') * value('metric') + value('alarms-of-fleet') * value('alarm');
const endpoint = value('endpoint-hour') * hours * value('zones');
const balancer = value('balancer-hour') * hours;
const hosts = (size: string) => value('hosts') * value(`${size}-hour`) * hours;
const monitoring = value('hosts') * value('host-series') * value('metric');
const fleet = (size: string) => hosts(size) + monitoring + balancer + 2 * endpoint;

test.each([
  ...Object.entries(operator),
  ['**operator**', operatorInAll] as const,
  ['each further fleet', further] as const,
  ['two m7g.large', hosts('large')] as const,
  ['detailed monitoring of two', monitoring] as const,
  ['balancer', balancer] as const,
  ['endpoints `ssm` and `ssmmessages` in two zones', 2 * endpoint] as const,
  ['**fleet of m7g.large**', fleet('large')] as const,
  ['fleet of t4g.small', fleet('small')] as const,
])('%s costs what the page says', (name, amount) => {
  const said = rows.find(([first]) => first === name)?.[1];
  expect(said?.replaceAll('*', '')).toBe(dollars(amount));
});

test('interface endpoint and fleet are compared rightly, and where they break even', () => {
  const byGb = (gb: number) => [
    dollars(endpoint + gb * value('endpoint-gb')),
    ...['small', 'large'].map((size) => dollars(fleet(size) + operatorInAll + gb * value('balancer-gb'))),
  ];
  const volumes = rows.filter(([first]) => /^[0-9,]+$/.test(first ?? ''));
  expect(volumes).toHaveLength(4);
  for (const [gb, ...said] of volumes) expect([gb, ...said]).toEqual([gb, ...byGb(number(gb))]);
  const even = (size: string) =>
    (fleet(size) + operatorInAll - endpoint) / (value('endpoint-gb') - value('balancer-gb'));
  const said = rows.find(([first]) => first === 'breaks even at')?.slice(2);
  expect(said).toEqual(['small', 'large'].map((size) => Math.round(even(size)).toLocaleString('en')));
  expect(page).toContain(`two addresses of it are ${dollars(2 * value('resolver-hour') * hours)} a month`);
});

test('alarms are counted by the metrics that they look at', () => {
  const alarms = [...packaged<Alarm>('AWS::CloudWatch::Alarm').values()];
  const metrics = alarms.flatMap((alarm) => Object.keys(metricsOf(alarm)));
  expect(metrics).toHaveLength(value('alarms-of-operator'));
});

test('an instance that scales has what the page counts for it', () => {
  const template = readTemplate(readFileSync(new URL('../infra/fleet.yml', import.meta.url), 'utf8'));
  const { LaunchTemplateData } = template.Resources.LaunchTemplate!.Properties as {
    LaunchTemplateData: { Monitoring: unknown };
  };
  expect(LaunchTemplateData.Monitoring).toEqual({ Enabled: { 'Fn::If': ['Scales', true, false] } });
  expect(page).toContain(`\`logs\`: ${dollars(endpoint)} more`);
});

test('no look at a well fleet writes more metrics than the page counts', () => {
  const members = ['i-1', 'i-2'].map((id) => instance(id, { host: runs(good) }));
  const look = metricsOfLook(world(members, { scope: fleetScope }), []);
  const ofFleet = new Set(look.filter(({ dimensions }) => 'fleet' in dimensions).map(({ name }) => name));
  expect(ofFleet.size).toBeGreaterThan(0);
  expect(ofFleet.size).toBeLessThanOrEqual(value('series-of-fleet'));
  // A sweep's own comes on top of those over all fleets.
  expect(look.filter(({ dimensions }) => !('fleet' in dimensions)).length).toBeLessThan(
    value('series-of-operator'),
  );
});
