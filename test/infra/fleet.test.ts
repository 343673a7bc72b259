import { readFileSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { templateRegion } from './fleet-bed.ts';

/** Of the headings of docs/operations.md. */
const anchors = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^#+ (.*)/gm)].map(([, heading]) =>
  heading?.toLowerCase().replaceAll(' ', '-'),
);

let region: ReturnType<typeof templateRegion>;
beforeEach(() => {
  region = templateRegion();
});
afterEach(() => region.close());

const launchData = (options: Record<string, string> = {}) =>
  region.deployFleet(options).resource('LaunchTemplate').properties.LaunchTemplateData;

describe('an instance', () => {
  test('has no key, no public address, an encrypted disk and hop limit 1', () => {
    const data = launchData();
    expect(data).not.toHaveProperty('KeyName');
    expect(data.NetworkInterfaces[0].AssociatePublicIpAddress).toBe(false);
    expect(data.BlockDeviceMappings[0].Ebs.Encrypted).toBe(true);
    expect(data.MetadataOptions).toMatchObject({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 });
  });

  test.each([
    ['arm64', 't4g.small'],
    ['arm64', 'c7gn.large'],
    ['arm64', 'im4gn.large'],
    ['x86-64', 't3.small'],
    ['x86-64', 'm7i-flex.large'],
    ['x86-64', 'c6in.xlarge'],
  ])('has the image for %s when it is a %s', (architecture, InstanceType) => {
    const image = launchData({ InstanceType }).ImageId;
    expect(image).toMatch(architecture === 'arm64' ? /^ami-0+$/ : /^ami-0+1$/);
  });

  test('may log to its own group alone, and only when the log is wanted', () => {
    const role = (stack: ReturnType<typeof region.deployFleet>) => stack.resource('InstanceRole').properties;
    expect(JSON.stringify(role(region.deployFleet()))).not.toContain('logs:');
    const logging = region.deploy('other', 'fleet.yml', {
      ...region.needed,
      FleetName: 'osaka',
      AccessLog: 'yes',
    });
    const [, policy] = role(logging).Policies;
    const { Arn } = logging.resource('AccessLogGroup').attributes;
    expect(policy.PolicyDocument.Statement).toEqual([
      { Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: Arn },
    ]);
  });

  test('waits for its endpoints and its listener', () => {
    const stack = region.deployFleet({ RouteTableIds: 'rtb-1', S3EndpointId: '' });
    const before = stack.names.slice(0, stack.names.indexOf('Group'));
    expect(before).toEqual(expect.arrayContaining(['Ssm', 'SsmMessages', 'S3', 'Listener']));
  });
});

describe('the group', () => {
  test('spans the subnets with both hooks inside', () => {
    region.deployFleet();
    const group = region.world.autoscaling.group('shoal-tokyo');
    expect(group).toMatchObject({ minSize: 2, maxSize: 6, desiredCapacity: 2 });
    expect(new Set(group?.zones).size).toBe(2);
    expect(group?.hooks.map(({ name }) => name)).toEqual(['shoal-launch', 'shoal-terminate']);
  });

  test.each([
    ['cpu', ['CpuScaling'], 'ASGAverageCPUUtilization'],
    ['network', ['NetworkScaling'], 'ASGAverageNetworkOut'],
    ['none', [], undefined],
  ])('follows %s', (ScaleBy, names, metric) => {
    const stack = region.deployFleet({ ScaleBy });
    expect(stack.names.filter((name) => name.endsWith('Scaling'))).toEqual(names);
    const [policy] = stack.ofType('AutoScaling::ScalingPolicy');
    const tracking = policy?.properties.TargetTrackingConfiguration;
    expect(tracking?.PredefinedMetricSpecification.PredefinedMetricType).toBe(metric);
  });

  test('keeps a warm pool of the wanted size', async () => {
    region.deployFleet({ WarmPoolSize: '2', MaxSize: '9' });
    const group = region.world.autoscaling.group('shoal-tokyo');
    const pooled = () => group?.members.filter(({ state }) => state.startsWith('Warmed:'));
    await vi.waitFor(() => expect(pooled()).toHaveLength(2), 5_000);
  });

  test('is mixed with Spot, whose types it names', () => {
    const spot = { OnDemandPercentage: '25', SpotInstanceTypes: 't4g.medium,c7g.medium' };
    const { properties } = region.deployFleet(spot).resource('Group');
    expect(properties).not.toHaveProperty('LaunchTemplate');
    const { InstancesDistribution, LaunchTemplate } = properties.MixedInstancesPolicy;
    expect(InstancesDistribution).toMatchObject({ OnDemandPercentageAboveBaseCapacity: '25' });
    const types = ['t4g.small', 't4g.medium', 'c7g.medium'];
    expect(LaunchTemplate.Overrides).toEqual(types.map((InstanceType) => ({ InstanceType })));
    expect(region.world.autoscaling.group('shoal-tokyo')?.desiredCapacity).toBe(2);
  });
});

describe('the network', () => {
  test('lets in the given networks and nobody else', () => {
    const stack = region.deployFleet({ SecurityGroupCidrs: '10.20.0.0/16,10.30.0.0/16' });
    const entries = stack.resource('ClientNetworks').properties.Entries;
    const networks = ['172.31.0.0/24', '10.20.0.0/16', '10.30.0.0/16'];
    expect(entries).toEqual(networks.map((Cidr) => ({ Cidr })));
    const [ingress, ...others] = stack.resource('BalancerSecurityGroup').properties.SecurityGroupIngress;
    const SourcePrefixListId = stack.resource('ClientNetworks').id;
    expect(ingress).toEqual({ IpProtocol: 'tcp', FromPort: '3128', ToPort: '3128', SourcePrefixListId });
    expect(others).toEqual([]);
    const SourceSecurityGroupId = stack.resource('BalancerSecurityGroup').id;
    const instances = stack.resource('InstanceSecurityGroup').properties.SecurityGroupIngress;
    expect(instances).toEqual([
      { IpProtocol: 'tcp', FromPort: '3128', ToPort: '3128', SourceSecurityGroupId },
    ]);
  });

  test.each([1, 6, 7])('of %i given networks forgets none', (count) => {
    const ClientCidrs = Array.from({ length: count }, (_, index) => `10.${index}.0.0/16`).join(',');
    const { properties } = region.deployFleet({ ClientCidrs }).resource('ClientNetworks');
    expect(properties.Entries.map(({ Cidr }: { Cidr: string }) => Cidr).join(',')).toBe(ClientCidrs);
    expect(properties.Entries.length <= properties.MaxEntries).toBe(count <= 6);
  });

  test('makes the endpoints that the VPC lacks', () => {
    const services = (options: Record<string, string>, FleetName: string) => {
      const stack = region.deploy(FleetName, 'fleet.yml', { ...region.needed, FleetName, ...options });
      const names = stack.ofType('EC2::VPCEndpoint').map(({ properties }) => properties.ServiceName);
      return names.map((name) => String(name).replace(/.*[.]/, '')).toSorted();
    };
    expect(services({}, 'a')).toEqual(['ssm', 'ssmmessages']);
    const all = ['dynamodb', 'logs', 's3', 'ssm', 'ssmmessages'];
    const s3 = { RouteTableIds: 'rtb-1', S3EndpointId: '' };
    expect(services({ ...s3, AccessLog: 'yes' }, 'b')).toEqual(all);
    const own = { SsmEndpointId: 'vpce-1', SsmMessagesEndpointId: 'none', S3EndpointId: 'vpce-2' };
    expect(services({ ...own, RouteTableIds: 'rtb-1' }, 'c')).toEqual(['dynamodb']);
  });

  test.each([
    ['own', { StringEquals: { 'aws:ResourceAccount': ['000000000000'] } }],
    [
      '111111111111,222222222222',
      { StringEquals: { 'aws:ResourceAccount': ['111111111111', '222222222222'] } },
    ],
    ['any', undefined],
  ])('lets S3 be reached in accounts: %s', (ReachableAccounts, condition) => {
    const stack = region.deployFleet({ RouteTableIds: 'rtb-1', S3EndpointId: '', ReachableAccounts });
    const [packages, clients] = stack.resource('S3').properties.PolicyDocument.Statement;
    expect(packages).toMatchObject({
      Action: 's3:GetObject',
      Resource: expect.stringContaining(':al2023-repos-'),
    });
    expect(clients.Condition).toEqual(condition);
  });

  test('gives the balancer a name, and clients their lines', () => {
    const stack = region.deployFleet({ DnsName: 'proxy.corp.example', HostedZoneId: 'Z1' });
    expect(stack.resource('Name').properties).toMatchObject({ Name: 'proxy.corp.example', Type: 'A' });
    expect(stack.output('BashLines')).toContain('export HTTPS_PROXY=http://proxy.corp.example:3128 ');
    expect(stack.output('PowerShellLines')).toContain('= "http://proxy.corp.example:3128";');
  });

  test('sets idle time-out, delay and kept addresses, and no cross-zone', () => {
    const stack = region.deployFleet({ IdleTimeout: '900', DeregistrationDelay: '60' });
    const attributes = (id: string, property: string): { Key: string; Value: string }[] =>
      stack.resource(id).properties[property];
    const all = [
      ...attributes('Listener', 'ListenerAttributes'),
      ...attributes('TargetGroup', 'TargetGroupAttributes'),
      ...attributes('LoadBalancer', 'LoadBalancerAttributes'),
    ];
    expect(Object.fromEntries(all.map(({ Key, Value }) => [Key, Value]))).toEqual({
      'tcp.idle_timeout.seconds': '900',
      'preserve_client_ip.enabled': 'true',
      'deregistration_delay.timeout_seconds': '60',
      'load_balancing.cross_zone.enabled': 'false',
    });
  });
});

describe('alarms', () => {
  test('are made when they are wanted, with what to do', () => {
    expect(region.deployFleet().ofType('CloudWatch::Alarm')).toEqual([]);
    const wanted = { HealthyTargetsWanted: '1', RefusedClientsMax: '100', AccessLog: 'yes' };
    const stack = region.deploy('other', 'fleet.yml', { ...region.needed, FleetName: 'osaka', ...wanted });
    const alarms = stack.ofType('CloudWatch::Alarm');
    expect(alarms.map(({ id }) => id)).toEqual([
      'shoal/osaka-refused-clients',
      'shoal/osaka-healthy-targets',
    ]);
    const said = alarms.map(({ properties }) => String(properties.AlarmDescription).split(' Do: ')[1]);
    const dashboard =
      'https://console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1#dashboards/dashboard/shoal';
    const log = stack.output('LogGroup');
    expect(said).toEqual([
      `aws logs tail ${log} --filter-pattern TCP_DENIED, and add the network or stop the client. Runbook: ${dashboard}`,
      `npm run shoal -- status osaka, and mend what it names. Runbook: ${dashboard}`,
    ]);
  });

  test('lead to a page of your own, and name the stage', () => {
    const own = {
      Prefix: 'shoal-test',
      HealthyTargetsWanted: '1',
      RunbookBaseUrl: 'https://wiki.example.com/shoal',
    };
    const [alarm] = region.deployFleet(own).ofType('CloudWatch::Alarm');
    const [, anchor] =
      /Do: npm run shoal -- status tokyo --stage test, .* Runbook: https:\/\/wiki\.example\.com\/shoal#([a-z-]+)$/.exec(
        String(alarm?.properties.AlarmDescription),
      )!;
    expect(anchors).toContain(anchor);
  });
});

describe('wrong combinations are refused', () => {
  test.each([
    [{ OnDemandPercentage: '0', WarmPoolSize: '1' }, "a group with Spot instances can't have a warm pool"],
    [{ SpotInstanceTypes: 't4g.medium' }, 'SpotInstanceTypes are used with Spot alone'],
    [{ DnsName: 'proxy.corp.example' }, 'A name for the proxy takes DnsName and HostedZoneId'],
    [{ LoadBalancerArn: 'arn:…' }, 'takes LoadBalancerArn and TargetGroupArn'],
    [{ LoadBalancerSecurityGroupId: 'sg-1' }, 'Give its LoadBalancerArn too'],
    [{ RefusedClientsMax: '5' }, 'Set AccessLog to yes'],
    [{ InstanceType: 'g5.xlarge' }, 'Parameter InstanceType: must match'],
    [{ SubnetIds: 'subnet-a' }, 'Parameter SubnetIds: must match'],
    [{ S3EndpointId: '' }, 'Give RouteTableIds, the VPC.s own S3EndpointId'],
    [{ OnDemandPercentage: '50', DeregistrationDelay: '119' }, 'Set DeregistrationDelay to 120 or more'],
  ])('%j', (options, message) => {
    expect(() => region.deployFleet(options)).toThrow(new RegExp(message, 'i'));
  });

  test('and right ones are not', () => {
    region.deployFleet({ OnDemandPercentage: '50', DeregistrationDelay: '120' });
    region.deploy('other', 'fleet.yml', { ...region.needed, FleetName: 'osaka', DeregistrationDelay: '20' });
  });
});

test('the template is small enough to be deployed without a bucket', () => {
  expect(statSync('infra/fleet.yml').size).toBeLessThan(51_200);
});
