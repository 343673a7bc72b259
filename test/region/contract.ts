import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe } from 'vitest';
import { listen, requestHandler } from '../../region/http.ts';
import { type Bed, commandDocument, createBed, groupSpec, until } from './bed.ts';

/** A region with one instance in service, a document, and a target group behind a listener. */
export interface ContractRegion {
  bed: Bed;
  clients: ReturnType<typeof connect>;
  instanceId: string;
  targetGroupArn: string;
}

/** Runs a suite twice with the real SDK, over HTTP and in process; each test has a region of its own. */
export function contract(title: string, suite: (region: ContractRegion) => void): void {
  describe.each(['over HTTP', 'in process'] as const)(`${title}, %s`, (way) => {
    const region = {} as ContractRegion;
    let close: () => Promise<void>;
    beforeEach(async () => {
      const bed = createBed();
      const server = way === 'over HTTP' ? await listen(bed.world.wire, 0) : undefined;
      const clients = server
        ? connect({ endpoint: `http://127.0.0.1:${server.port}` })
        : connect({ endpoint: 'http://region', requestHandler: requestHandler(bed.world.wire) });
      close = async () => {
        for (const client of Object.values(clients)) client.destroy();
        await server?.close();
        await bed.world.close();
      };
      Object.assign(region, { bed, clients, ...(await populate(bed)) });
    });
    afterEach(() => close());
    suite(region);
  });
}

/** The name and message of the error that a call ends in; undefined when it succeeds. */
export async function refusal(call: Promise<unknown>): Promise<[name: string, message: string] | undefined> {
  const error = await call.then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return error && [error.name, error.message];
}

function connect(way: { endpoint: string; requestHandler?: ReturnType<typeof requestHandler> }) {
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };
  const common = { region: 'ap-northeast-1', credentials, ...way };
  return {
    autoscaling: new AutoScalingClient(common),
    elb: new ElasticLoadBalancingV2Client(common),
    ssm: new SSMClient(common),
    sts: new STSClient(common),
  };
}

export async function populate({ world }: Bed): Promise<{ instanceId: string; targetGroupArn: string }> {
  const group = world.autoscaling.createGroup(groupSpec());
  world.commands.putDocument('shoal-apply', commandDocument);
  const network = { vpcId: 'vpc-1', tags: { 'shoal:fleet': 'tokyo' } };
  const balancer = world.targets.createLoadBalancer({ ...network, name: 'nlb', zones: group.zones });
  const { arn } = world.targets.createTargetGroup({ ...network, name: 'proxies', port: 3128 });
  const listener = { loadBalancerArn: balancer.arn, port: 3128, targetGroupArn: arn, tags: {} };
  world.targets.createListener(listener);
  await until(() => group.members[0]?.state === 'InService');
  const { instanceId } = group.members[0]!;
  await until(() => world.instances.get(instanceId)!.agentOnlineAt <= Date.now());
  return { instanceId, targetGroupArn: arn };
}
