import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen } from '../../region/http.ts';
import { hasCliModule, startAwsCli } from './aws-cli.ts';
import { createBed, until } from './bed.ts';
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
  },
);
