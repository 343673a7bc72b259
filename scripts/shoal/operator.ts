import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { region as localRegion } from '../../region/service.ts';
import { groups } from '../../shared/aws/groups.ts';
import { explain, isDenied } from './explain.ts';

/** Where the operator is. */
export interface Place {
  /** Of the stage's names: `shoal`, or `shoal-<stage>`. */
  prefix: string;
  /** Undefined where nothing says it: the SDK refuses that. */
  region?: string | undefined;
  /** Port of a local region; undefined for a real account. */
  port?: number | undefined;
}

/** The deployed operator, as somebody at a terminal reaches it. Every failure says what to do about it. */
export interface Operator {
  /** Names of the fleets that are there, by their groups' tags; null for somebody who may not list groups. */
  fleets(): Promise<string[] | null>;
  /** Asks a question, which is asked again when it fails on its way. */
  ask<Answer>(event: object): Promise<Answer>;
  /** Has something done, once, and waits for as long as a function may run. */
  order<Answer>(event: object): Promise<Answer>;
}

/** A question takes half a minute at most, when a host doesn't answer. */
const askSeconds = 120;
/** Lambda's longest run, and a moment for the answer. */
const orderSeconds = 905;

export function connect(place: Place): Operator {
  const functionName = `${place.prefix}-reconcile`;
  const config = (seconds: number, attempts: number) => clientConfig(place, seconds, attempts);
  const invoke = async <Answer>(client: LambdaClient, event: object): Promise<Answer> => {
    const Payload = Buffer.from(JSON.stringify(event));
    const answer = await client
      .send(new InvokeCommand({ FunctionName: functionName, Payload }))
      .catch((error: unknown) => {
        throw new Error(explain(error, place), { cause: error });
      });
    const value = JSON.parse(Buffer.from(answer.Payload ?? []).toString());
    if (answer.FunctionError !== undefined) throw new Error(`${functionName} failed: ${value.errorMessage}`);
    return value;
  };
  const asking = new LambdaClient(config(askSeconds, 3));
  // A second try could begin anew what has just failed.
  const ordering = new LambdaClient(config(orderSeconds, 1));
  return {
    fleets: async () => {
      const tag = `${place.prefix}:fleet`;
      const client = new AutoScalingClient(config(askSeconds, 3));
      try {
        const found = await groups(client, tag).tagged();
        return [...new Set(found.map(({ tags }) => tags[tag] ?? ''))].sort();
      } catch (error) {
        if (isDenied(error)) return null;
        throw new Error(explain(error, place), { cause: error });
      }
    },
    ask: (event) => invoke(asking, event),
    order: (event) => invoke(ordering, event),
  };
}

/** How any client of the SDK gets to that place. */
export function clientConfig({ region, port }: Place, requestTimeoutSeconds: number, maxAttempts: number) {
  return {
    maxAttempts,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: requestTimeoutSeconds * 1000,
      throwOnRequestTimeout: true,
    },
    ...(region !== undefined && { region }),
    ...(port !== undefined && {
      endpoint: `http://127.0.0.1:${port}`,
      region: localRegion,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    }),
  };
}
