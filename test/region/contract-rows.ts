import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as cloudformation from '@aws-sdk/client-cloudformation';
import * as elbv2 from '@aws-sdk/client-elastic-load-balancing-v2';
import * as events from '@aws-sdk/client-eventbridge';
import * as lambda from '@aws-sdk/client-lambda';
import * as sqs from '@aws-sdk/client-sqs';
import * as ssm from '@aws-sdk/client-ssm';
import * as sts from '@aws-sdk/client-sts';
import { expect, test } from 'vitest';
import { type Call, calls } from './contract-calls.ts';
import { refusals } from './contract-refusals.ts';

/** Answers a call's output as JSON, or throws an error with AWS's code in its message. */
export type Run = (service: string, operation: string, input: object | 'unsigned') => Promise<string>;

/** Where the rows run: the local region, or an account. */
export interface RowsWorld {
  run: Run;
  /** What has been made for them: `prefix`, `account`, `region`, `managed` and so on. */
  names: Map<string, string>;
  /** Why a name isn't among them; such a row is skipped. Where all are there, a row without one fails. */
  missing?: string;
  /** What an earlier call began may take so long to come about. */
  patienceMs: number;
  pauseMs: number;
}

/** A test for each row, in their order, on a world that is there when they run. */
export function testRows(world: () => RowsWorld, { onAccount = false } = {}): void {
  for (const [service, rows] of Object.entries(calls)) {
    for (const row of rows) {
      const [operation, , , code, notOnAccount] = row;
      const reason = onAccount ? notOnAccount : undefined;
      test(`${service} ${operation} succeeds, and is refused with ${code}`, async ({ skip }) => {
        if (reason !== undefined) skip(`not on an account: ${reason}`);
        skipLacking(row, world(), skip);
        await runRow(world(), service, row);
      });
    }
  }
}

/** A test for each refusal, on such a world; none of them changes anything. */
export function testRefusals(world: () => RowsWorld): void {
  for (const [operation, what, input, code, , notOnAccount] of refusals)
    test(`ssm ${operation} refuses ${what} with ${code}`, async ({ skip }) => {
      if (notOnAccount !== undefined) skip(`not on an account: ${notOnAccount}`);
      skipLacking(input, world(), skip);
      expect(await codeOf(world().run('ssm', operation, fill(input, world().names)))).toBe(code);
    });
}

/** Puts in what the names that a row uses stand for. */
export const fill = <Input>(input: Input, names: Map<string, string>): Input =>
  JSON.parse(JSON.stringify(input).replaceAll(/\$(\w+)/g, (_, name) => names.get(name) ?? ''));

function skipLacking(row: object, { names, missing }: RowsWorld, skip: (reason: string) => void): void {
  const needed = [...JSON.stringify(row).matchAll(/\$(\w+)/g)].map(([, name]) => name as string);
  const lacking = needed.filter((name) => !names.has(name));
  if (missing !== undefined && lacking.length > 0) skip(`needs ${lacking}: ${missing}`);
  expect(lacking, 'names that nothing has given').toEqual([]);
}

const codeOf = (call: Promise<string>): Promise<string> =>
  call.then(
    () => 'nothing',
    ({ message }: Error) => message,
  );

async function runRow({ run, names, patienceMs, pauseMs }: RowsWorld, service: string, row: Call) {
  const [operation, good, refused, code] = row;
  if (good !== 'none') {
    const answer = await succeeds(() => run(service, operation, fill(good, names)), patienceMs, pauseMs);
    for (const [, name = '', value = ''] of answer.matchAll(/"(\w+)":\s*"([^"]+)"/g))
      if (!names.has(name)) names.set(name, value);
  }
  const refusal = await codeOf(run(service, operation, fill(refused, names)));
  expect(refusal).toMatch(new RegExp(`^(${code})`));
}

/** What an earlier call began may not have come about yet. */
async function succeeds(run: () => Promise<string>, patienceMs: number, pauseMs: number): Promise<string> {
  for (const started = Date.now(); ; ) {
    try {
      return await run();
    } catch (error) {
      if (Date.now() - started > patienceMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

const sdk = {
  autoscaling: [autoscaling, autoscaling.AutoScalingClient],
  cloudformation: [cloudformation, cloudformation.CloudFormationClient],
  elbv2: [elbv2, elbv2.ElasticLoadBalancingV2Client],
  events: [events, events.EventBridgeClient],
  lambda: [lambda, lambda.LambdaClient],
  sqs: [sqs, sqs.SQSClient],
  ssm: [ssm, ssm.SSMClient],
  sts: [sts, sts.STSClient],
} as unknown as Record<string, [Record<string, new (input: object) => SdkCommand>, SdkConstructor]>;

type Next = (args: object) => Promise<object>;
type SdkConstructor = new (config: object) => { send(command: SdkCommand): Promise<object> };
interface SdkCommand {
  middlewareStack: { add(middleware: unknown, options: object): void };
}

/** Calls through the SDK's own clients, made with this configuration. A queue is reached where all else is. */
export function throughSdk(config: object): Run {
  const clients = new Map<string, InstanceType<SdkConstructor>>();
  return async (service, operation, input) => {
    const [model, Client] = sdk[service] as (typeof sdk)[string];
    const Command = model[`${operation}Command`] as new (input: object) => SdkCommand;
    const client = clients.get(service) ?? new Client({ ...config, useQueueUrlAsEndpoint: false });
    clients.set(service, client);
    const command = new Command(input === 'unsigned' ? {} : input);
    const unsign = (next: Next) => (args: { request: { headers: Record<string, string> } }) => {
      delete args.request.headers.authorization;
      return next(args);
    };
    if (input === 'unsigned') command.middlewareStack.add(unsign, { step: 'deserialize', priority: 'low' });
    try {
      return JSON.stringify(await client.send(command));
    } catch (error) {
      throw new Error((error as Error).name, { cause: error });
    }
  };
}
