import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import * as cloudformation from '@aws-sdk/client-cloudformation';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isGone } from '../shared/aws/errors.ts';
import { groups } from '../shared/aws/groups.ts';
import { parameters } from '../shared/aws/parameters.ts';
import { targets } from '../shared/aws/targets.ts';
import { runShoal } from './shoal-bed.ts';

/**
 * What the local region stands for, on a real account: `REMOTE=1 ACCOUNT=… npm run test:account`,
 * with VPC_ID and SUBNET_IDS for the fleet. All that it makes is named after a stage of this run alone, and removed
 * in the end, whatever came of it.
 */
const { REMOTE, ACCOUNT, VPC_ID, SUBNET_IDS } = process.env;
const root = join(import.meta.dirname, '..');
const stage = `t${randomBytes(4).toString('hex')}`;
const prefix = `shoal-${stage}`;
const waitSeconds = 1_800;

if (REMOTE !== '1') {
  // Left out unless asked for by name: it makes a stack on the account whose credentials are there, and costs money.
  test.skip('a real account does what the local region does (needs REMOTE=1 and an account)', () => {});
} else {
  const undo: [what: string, work: () => Promise<unknown>][] = [];
  const clients = { ssm: new SSMClient(), elb: new ElasticLoadBalancingV2Client(), sts: new STSClient() };
  const store = parameters(clients.ssm);

  beforeAll(async () => {
    const { Account } = await clients.sts.send(new GetCallerIdentityCommand());
    if (ACCOUNT !== Account)
      throw new Error(
        `these credentials are of account ${Account}: ACCOUNT=${Account} says that it is meant`,
      );
    undo.push(['parameters', removeParameters]);
  });
  afterAll(async () => {
    const left: string[] = [];
    for (const [what, work] of undo.reverse())
      await work().catch((error: Error) => left.push(`${what} of ${prefix}: ${error.message}`));
    expect(left).toEqual([]);
  }, waitSeconds * 1000);

  /** Parameter Store forgets none of them by itself. */
  async function removeParameters() {
    for (const path of [`/${prefix}/`, `/${prefix}-state/`]) {
      const names = (await store.below(path)).map(({ name }) => path + name);
      if (names.length > 0) await store.delete(names);
    }
  }

  describe('the contract', () => {
    const path = `/${prefix}/contract/value`;

    test('a parameter is created once, counted, and forgotten with its history', async () => {
      expect(await store.create(path, 'one')).toBe(1);
      expect(await store.create(path, 'two')).toBe(null);
      expect(await store.put(path, 'three')).toBe(2);
      expect((await store.history(path)).map(({ value }) => value)).toEqual(['one', 'three']);
      expect(await store.get(`${path}:1`)).toMatchObject({ value: 'one' });
      await store.delete([path]);
      expect(await store.get(path)).toBe(null);
      expect(await store.create(path, 'four')).toBe(1);
    });

    test('what is not there is told apart from what fails', async () => {
      const region = await clients.elb.config.region();
      const none = `arn:aws:elasticloadbalancing:${region}:${ACCOUNT}:targetgroup/${prefix}/0123456789abcdef`;
      const asked = await targets(clients.elb)
        .health(none)
        .catch((error: Error) => error.cause ?? error);
      expect(isGone(asked)).toBe(true);
      expect(await groups(new AutoScalingClient(), `${prefix}:fleet`).named(prefix)).toBe(null);
    });
  });

  describe.skipIf(!VPC_ID || !SUBNET_IDS)('a fleet (needs VPC_ID and SUBNET_IDS)', () => {
    const stacks = new cloudformation.CloudFormationClient();
    const shoal = (...words: string[]) => runShoal([...words, '--stage', stage], process.env);
    const waiting = { client: stacks, maxWaitTime: waitSeconds };

    test('comes into service, follows an edit and is well', { timeout: waitSeconds * 1000 }, async () => {
      deployOperator();
      await createFleet();
      await expect
        .poll(() => shoal('status', 'demo'), { timeout: 1_200_000, interval: 20_000 })
        .toMatchObject({ code: 0 });
      await store.put(`/${prefix}/demo/allowed-cidrs`, '10.0.0.0/8,172.31.0.0/24');
      const applied = await shoal('apply', 'demo', '--yes');
      expect(applied.stdout).toContain('\nwell since');
      expect((await shoal('dead-letters')).code).toBe(0);
    });

    /** From a copy, since osls empties the .serverless of the folder that it works in. */
    function deployOperator() {
      const directory = mkdtempSync(join(tmpdir(), `${prefix}-`));
      for (const part of ['build', 'docs', 'infra', 'serverless.yml'])
        cpSync(join(root, part), join(directory, part), { recursive: true });
      symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
      const osls = (verb: string) => {
        const words = [join(root, 'node_modules/osls/bin/serverless.js'), verb, '--stage', stage];
        const ended = spawnSync(process.execPath, words, { cwd: directory, encoding: 'utf8' });
        if (ended.status !== 0) throw new Error(`osls ${verb}: ${ended.stdout}${ended.stderr}`);
      };
      undo.push([
        'the operator',
        async () => {
          osls('remove');
          rmSync(directory, { recursive: true });
        },
      ]);
      osls('deploy');
    }

    async function createFleet() {
      const StackName = `${prefix}-demo`;
      const given = { FleetName: 'demo', Prefix: prefix, VpcId: VPC_ID, SubnetIds: SUBNET_IDS };
      const values = { ...given, ClientCidrs: '10.0.0.0/8', S3EndpointId: 'none', DeregistrationDelay: '30' };
      undo.push([
        'the fleet',
        async () => {
          await stacks.send(new cloudformation.DeleteStackCommand({ StackName }));
          await cloudformation.waitUntilStackDeleteComplete(waiting, { StackName });
        },
      ]);
      const made = new cloudformation.CreateStackCommand({
        StackName,
        TemplateBody: readFileSync(join(root, 'infra/fleet.yml'), 'utf8'),
        Capabilities: ['CAPABILITY_NAMED_IAM'],
        Parameters: Object.entries(values).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
        Tags: [{ Key: 'application', Value: prefix }],
      });
      await stacks.send(made);
      await cloudformation.waitUntilStackCreateComplete(waiting, { StackName });
    }
  });
}
