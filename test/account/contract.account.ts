import { setTimeout as pause } from 'node:timers/promises';
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from '@aws-sdk/client-auto-scaling';
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, describe } from 'vitest';
import { nobody } from '../region/contract-calls.ts';
import { type RowsWorld, testRefusals, testRows, throughSdk } from '../region/contract-rows.ts';
import type { Place } from './place.ts';
import { stacks } from './stacks.ts';

/** The rows that hold the local region to AWS, on AWS. */
const place: Place = JSON.parse(process.env.SHOAL_PLACE ?? '{}');
const { account, region, prefix, network, pauseMs, patienceMs } = place;
/** A row that fails would fail for the whole of a fleet's patience otherwise. */
const world = { patienceMs: Math.min(patienceMs, 300_000), pauseMs } as RowsWorld;
const autoscaling = new AutoScalingClient({ region });

beforeAll(async () => {
  const queueName = `${prefix}-dead-letters`;
  world.names = new Map(
    Object.entries({ prefix, account, region, queueName, rule: `${prefix}-rebalance` }).concat([
      ['function', `${prefix}-reconcile`],
    ]),
  );
  world.missing = network ? 'the local region takes no message' : 'there is no VPC_ID and SUBNET_IDS';
  if (network) for (const [name, value] of await nameStacks()) world.names.set(name, value);
  const call = throughSdk({ region, maxAttempts: 5 });
  const own = [...world.names.values()];
  world.run = (service, operation, input) => {
    if (input !== 'unsigned' && !/^(Describe|Get|List)/.test(operation)) refuseForeign(input, own);
    return call(service, operation, input);
  };
  await sendLetter(queueName);
});

describe('the contract', () => {
  testRows(() => world, { onAccount: true });
  testRefusals(() => world);
});

/** What it can't see to be this run's own, no row may change, whatever the table says. */
function refuseForeign(input: object, own: string[]): void {
  const known = [...own, ...nobody, world.names.get('CommandId')];
  const isOwn = (value: unknown): boolean =>
    typeof value === 'string'
      ? value.includes(prefix) || known.includes(value)
      : typeof value === 'object' && Object.values(value ?? {}).some(isOwn);
  if (!isOwn(input)) throw new Error(`not this run's own: ${JSON.stringify(input)}`);
}

async function nameStacks(): Promise<[name: string, value: string][]> {
  const managed = await members('managed', 'InService', 2);
  const coming = { AutoScalingGroupName: `${prefix}-coming`, DesiredCapacity: 1 };
  await autoscaling.send(new SetDesiredCapacityCommand(coming));
  const [waiting] = await members('coming', 'Pending:Wait', 1);
  const [instance] = await members('demo', 'InService', 1);
  const named = { managed: `${prefix}-managed`, coming: `${prefix}-coming` };
  const made = { document: `${prefix}-contract`, loadBalancer: `${prefix}-contract` };
  const instances = {
    one: managed[0] ?? '',
    two: managed[1] ?? '',
    waiting: waiting ?? '',
    instance: instance ?? '',
  };
  const targetGroup = await stacks(place).output('-contract', 'TargetGroup');
  return Object.entries({ ...named, ...made, ...instances, targetGroup });
}

async function members(name: string, state: string, count: number): Promise<string[]> {
  const AutoScalingGroupNames = [`${prefix}-${name}`];
  const read = async () => {
    const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames });
    const { AutoScalingGroups } = await autoscaling.send(command);
    const all = AutoScalingGroups?.[0]?.Instances ?? [];
    return all.flatMap(({ LifecycleState, InstanceId = '' }) =>
      LifecycleState === state ? [InstanceId] : [],
    );
  };
  for (const end = Date.now() + patienceMs; ; await pause(pauseMs)) {
    const found = await read();
    if (found.length >= count) return found;
    if (Date.now() > end) throw new Error(`${prefix}-${name} has ${found.length} in ${state}, not ${count}`);
  }
}

/** The local region takes none, since nothing of Shoal's sends one. */
async function sendLetter(QueueName: string): Promise<void> {
  if (place.localEndpoint) return;
  const sqs = new SQSClient({ region });
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'letter' }));
}
