import { randomBytes } from 'node:crypto';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

/** Where a run has its stage. */
export interface Place {
  account: string;
  region: string;
  /** Made up for one run, and in the name of all that it makes. */
  stage: string;
  /** `shoal-<stage>`, as the operator and its fleets have it. */
  prefix: string;
  /** Of a local region; undefined on an account. */
  localEndpoint?: string;
  /** The fleet's; without it there is an operator alone. */
  network?: { VpcId: string; SubnetIds: string };
  /** Parameters of infra/fleet.yml that this VPC needs besides. */
  fleet: Record<string, string>;
  /** Between two looks at something that takes its time. */
  pauseMs: number;
  /** Nothing takes longer, a launch on AWS with two health checks among it. */
  patienceMs: number;
}

/** A name that no stage of somebody else's has. */
export const newStage = () => `t${randomBytes(4).toString('hex')}`;

/**
 * @param variables AWS's own, and `ACCOUNT`, `VPC_ID` and `SUBNET_IDS`.
 * @param given `NAME=VALUE` for infra/fleet.yml.
 * @throws Error that says what is missing, or that another account is meant.
 */
export async function findPlace(
  variables: NodeJS.ProcessEnv,
  stage: string,
  given: string[],
): Promise<Place> {
  if (!/^t[0-9a-f]{8}$/.test(stage)) throw new Error(`${stage}: a run's stage is t and eight hex digits`);
  const { ACCOUNT, VPC_ID: VpcId, SUBNET_IDS: SubnetIds } = variables;
  if ((VpcId === undefined) !== (SubnetIds === undefined))
    throw new Error('VPC_ID and SUBNET_IDS belong together: give both, or neither');
  const fleet = Object.fromEntries(given.map(splitAtEquals));
  const sts = new STSClient();
  const region = await sts.config.region().catch(() => {
    throw new Error('no region: AWS_REGION or the profile says which');
  });
  const { Account: account = '' } = await sts.send(new GetCallerIdentityCommand());
  if (ACCOUNT !== account)
    throw new Error(`these credentials are of account ${account}: ACCOUNT=${account} says that it is meant`);
  const localEndpoint = await findLocalRegion(variables);
  return {
    ...{ account, region, stage, prefix: `shoal-${stage}`, fleet },
    ...(localEndpoint && { localEndpoint }),
    ...(VpcId && SubnetIds && { network: { VpcId, SubnetIds } }),
    ...(localEndpoint ? { pauseMs: 100, patienceMs: 60_000 } : { pauseMs: 10_000, patienceMs: 20 * 60_000 }),
  };
}

function splitAtEquals(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1) throw new Error(`--param ${text}: expected NAME=VALUE of infra/fleet.yml`);
  return [text.slice(0, at), text.slice(at + 1)];
}

async function findLocalRegion({ AWS_ENDPOINT_URL: endpoint }: NodeJS.ProcessEnv) {
  if (endpoint === undefined) return undefined;
  const answer = await control(endpoint, 'fault', ['list']).catch(() => undefined);
  return answer?.ok ? endpoint : undefined;
}

/** Asks a local region for what AWS has no call for. */
export const control = (endpoint: string, verb: string, words: string[]): Promise<Response> =>
  fetch(new URL(`/_region/${verb}`, endpoint), {
    ...{ method: 'POST', headers: { 'x-region-control': 'yes' }, body: JSON.stringify(words) },
  });
