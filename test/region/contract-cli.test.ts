import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen } from '../../region/http.ts';
import { hasCliModule, startAwsCli } from './aws-cli.ts';
import { createBed, groupSpec, until } from './bed.ts';
import { populate } from './contract.ts';

describe.skipIf(!hasCliModule)(
  'the AWS CLI as a Python module (skipped where there is none)',
  { timeout: 60_000 },
  () => {
    const bed = createBed();
    let cli: ReturnType<typeof startAwsCli>;
    const aws = (...words: string[]) => cli.run(...words);
    let made: Awaited<ReturnType<typeof populate>>;
    let server: Awaited<ReturnType<typeof listen>>;
    beforeAll(async () => {
      server = await listen(bed.world.wire, 0);
      cli = startAwsCli(`http://127.0.0.1:${server.port}`);
      made = await populate(bed);
    });
    afterAll(async () => {
      cli.end();
      await server.close();
      await bed.world.close();
    });

    test('asks who it is, and is refused what is not there', async () => {
      const [caller, refused] = await Promise.all([
        aws('sts', 'get-caller-identity'),
        aws('ec2', 'describe-vpcs'),
      ]);
      expect(JSON.parse(caller.stdout)).toMatchObject({ Arn: 'arn:aws:iam::000000000000:root' });
      expect(refused.code).not.toBe(0);
    });

    test('puts and lists parameters over several pages', async () => {
      for (let n = 0; n < 12; n += 1) {
        bed.world.parameters.put({ Name: `/shoal/tokyo/p${n}`, Value: 'v', Type: 'String' });
      }
      const put = ['ssm', 'put-parameter', '--name', '/shoal/tokyo/p0', '--value', '10.0.0.0/8'];
      const [updated, refused] = await Promise.all([
        aws(...put, '--overwrite'),
        aws(...put, '--type', 'String'),
      ]);
      expect(JSON.parse(updated.stdout)).toEqual({ Version: 2, Tier: 'Standard' });
      expect(refused.stderr).toContain('(ParameterAlreadyExists)');
      const [listed, lost] = await Promise.all([
        aws('ssm', 'get-parameters-by-path', '--path', '/shoal/tokyo'),
        aws('ssm', 'get-parameter', '--name', '/shoal/none'),
      ]);
      expect(JSON.parse(listed.stdout).Parameters).toHaveLength(12);
      expect(lost.stderr).toContain('(ParameterNotFound)');
    });

    test('scales a group and watches it', async () => {
      const group = ['--auto-scaling-group-name', 'proxies'];
      const set = ['autoscaling', 'set-desired-capacity', ...group, '--desired-capacity'];
      const [scaled, refused] = await Promise.all([aws(...set, '2'), aws(...set, '6')]);
      expect(scaled).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(refused.stderr).toContain(
        '(ValidationError) when calling the SetDesiredCapacity operation: New SetDesiredCapacity value 6 is above max value 5',
      );
      await until(() => bed.hosts.size === 2);
      const [groups, activities] = await Promise.all([
        aws('autoscaling', 'describe-auto-scaling-groups', '--filters', 'Name=tag:shoal:fleet,Values=tokyo'),
        aws('autoscaling', 'describe-scaling-activities', ...group),
      ]);
      expect(JSON.parse(groups.stdout).AutoScalingGroups[0].DesiredCapacity).toBe(2);
      expect(JSON.parse(activities.stdout).Activities).toHaveLength(2);
    });

    test('runs a command and reads target health', async () => {
      const { instanceId, targetGroupArn } = made;
      const send = ['ssm', 'send-command', '--document-name', 'shoal-apply', '--instance-ids', instanceId];
      const [sent, refused] = await Promise.all([
        aws(...send, '--parameters', 'mode=check'),
        aws(...send, '--parameters', 'mode=rm'),
      ]);
      expect(refused.stderr).toContain('(InvalidParameters)');
      const { CommandId } = JSON.parse(sent.stdout).Command;
      const [invocations, health] = await Promise.all([
        aws('ssm', 'list-command-invocations', '--command-id', CommandId, '--details'),
        aws('elbv2', 'describe-target-health', '--target-group-arn', targetGroupArn),
      ]);
      expect(JSON.parse(invocations.stdout).CommandInvocations[0].CommandPlugins[0].Output).toBe(
        "mode='check'\ntext='nothing'",
      );
      expect(JSON.parse(health.stdout)).toEqual({ TargetHealthDescriptions: [] });
    });

    test('changes a group: each call succeeds once, and is refused where AWS refuses it', {
      timeout: 240_000,
    }, async () => {
      const managed = bed.world.autoscaling.createGroup(groupSpec({ name: 'managed', desiredCapacity: 2 }));
      await until(() => managed.members.filter(({ state }) => state === 'InService').length === 2);
      const [one, two] = managed.members.map(({ instanceId }) => instanceId) as [string, string];
      const group = '--auto-scaling-group-name managed';
      const decrement = '--should-decrement-desired-capacity';
      const hook = `${group} --lifecycle-hook-name new`;
      const launching = '--lifecycle-transition autoscaling:EC2_INSTANCE_LAUNCHING';
      const tag = 'ResourceId=managed,ResourceType=auto-scaling-group,Key=team';
      const states = (...wanted: string[]) =>
        until(() => `${managed.members.map(({ state }) => state).sort()}` === `${wanted}`);
      const calls: [good: string, refused: string, settled?: () => Promise<void>][] = [
        [`put-lifecycle-hook ${hook} ${launching}`, `put-lifecycle-hook ${hook} --heartbeat-timeout 1`],
        [`delete-lifecycle-hook ${hook}`, `delete-lifecycle-hook ${hook}er`],
        [`create-or-update-tags --tags ${tag},Value=net`, 'create-or-update-tags --tags Key=aws:x'],
        ['describe-tags --filters Name=key,Values=team', 'describe-tags --filters Name=team,Values=key'],
        [`delete-tags --tags ${tag}`, 'delete-tags --tags ResourceId=none,Key=team'],
        [`suspend-processes ${group}`, `suspend-processes ${group} --scaling-processes Sleep`],
        [`resume-processes ${group}`, `resume-processes ${group} --scaling-processes Sleep`],
        [
          `enter-standby ${group} --instance-ids ${one} ${decrement}`,
          `enter-standby ${group} --instance-ids i-0 ${decrement}`,
          () => states('InService', 'Standby'),
        ],
        [
          `exit-standby ${group} --instance-ids ${one}`,
          `exit-standby ${group} --instance-ids ${two}`,
          () => states('InService', 'InService'),
        ],
        [
          `detach-instances ${group} --instance-ids ${one} ${decrement}`,
          `detach-instances ${group} --instance-ids i-0 ${decrement}`,
          () => states('InService'),
        ],
        [
          `set-instance-health --instance-id ${two} --health-status Healthy`,
          `set-instance-health --instance-id i-0 --health-status Healthy`,
        ],
        [
          `put-warm-pool ${group} --min-size 1 --max-group-prepared-capacity 0`,
          `put-warm-pool ${group} --pool-state Hibernated`,
          () => states('InService', 'Warmed:Stopped'),
        ],
        [`describe-warm-pool ${group}`, 'describe-warm-pool --auto-scaling-group-name none'],
        [`delete-warm-pool ${group} --force-delete`, 'delete-warm-pool --auto-scaling-group-name none'],
      ];
      for (const [good, refused, settled] of calls) {
        const run = (words: string) => aws('autoscaling', ...words.split(' '));
        const [done, failed] = await Promise.all([run(good), run(refused)]);
        expect(done, good).toMatchObject({ code: 0, stderr: '' });
        expect(failed.stderr, refused).toContain('(ValidationError)');
        await settled?.();
      }
    });
  },
);
