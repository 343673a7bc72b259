import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { readTemplate } from '../../region/template.ts';
import { enforceQuotas } from '../aws/quotas.ts';
import { whole } from '../sample.ts';
import { seedChance } from './chance.ts';
import { type Virtual, virtualRegion } from './virtual-region.ts';

let region: Virtual;
afterEach(async () => {
  await region.close();
  vi.restoreAllMocks();
});

/** Functions at once: 10 is a new account's, 1,000 the usual quota (`npm run bench -- scale` takes that). */
const concurrency = Number(process.env.SCALE_CONCURRENCY ?? 10);
const fleets = ['demo', ...Array.from({ length: 9 }, (_, at) => `fleet-${at + 2}`)];
const window = 10 * 60_000;

/** Ten fleets go from nothing to `each` instances at once; counts the operator's calls of ten minutes. */
async function launchAll(each: number) {
  seedChance();
  region = await virtualRegion({ capacity: 0, pace: 'real', concurrency });
  deployFleets();
  await region.until('a first sweep', () => region.logs.some(({ message }) => message === 'swept'));
  const { log } = region.world.wire;
  const quotas = enforceQuotas(region.world.wire, Date.now);
  log.length = 0;
  const from = Date.now();
  for (const fleet of fleets) resize(fleet, each);
  await region.until('all are in service', () => inService() === 10 * each, window);
  const seconds = (Date.now() - from) / 1000;
  await region.until('hosts have been asked too', () => Date.now() > from + window);
  return { seconds, calls: log.length, throttled: quotas.throttled(), failures: [...region.failures] };
}

const [few, many] = whole ? [25, 100] : [5, 20];

test(`${10 * many} instances launched within the quotas: no call is given up, none is wasted`, {
  timeout: 300_000,
}, async ({ task }) => {
  const small = await launchAll(few);
  await region.close();
  const large = await launchAll(many);
  // The bench reads them from the report.
  Object.assign(task.meta, { small, large });
  expect(small.failures).toEqual([]);
  expect(large.failures).toEqual([]);
  expect(inService()).toBe(10 * many);
  // The quotas are felt: otherwise this proves nothing.
  expect(large.throttled).toBeGreaterThan(100);
  expect(large.calls / small.calls).toBeLessThanOrEqual(5);
});

function deployFleets() {
  const template = readTemplate(readFileSync('infra/fleet.yml', 'utf8'));
  for (const FleetName of fleets.slice(1))
    region.applications.stacks.deploy(FleetName, template, {
      FleetName,
      VpcId: 'vpc-1',
      SubnetIds: 'subnet-a,subnet-c,subnet-d',
      ClientCidrs: '172.31.0.0/24',
      RouteTableIds: 'rtb-1',
      MinSize: '0',
      MaxSize: '100',
      DesiredCapacity: '0',
    });
}

function resize(fleet: string, DesiredCapacity: number) {
  const input = { AutoScalingGroupName: `shoal-${fleet}`, DesiredCapacity };
  const caller = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };
  region.world.autoscaling.service.operations.SetDesiredCapacity?.(input, caller);
}

function inService(): number {
  const members = fleets.flatMap((fleet) => region.world.autoscaling.group(`shoal-${fleet}`)?.members ?? []);
  return members.filter(({ state }) => state === 'InService').length;
}
