import { defaultClientAddress as headquarters } from '../../region/network/client.ts';
import { add, remove, rollback, typo } from './edits.ts';
import { abandon, lost, repair } from './mishaps.ts';
import { arrival, plan } from './proofs.ts';
import { canary, unfit } from './rejections.ts';
import { leave, scale } from './scaling.ts';
import { prove, type Step } from './stage.ts';

const deploy: Step = {
  name: 'deploy',
  title: 'The operator and a fleet are deployed',
  text: 'The package that an AWS account would get, into a region on this machine.',
  async play(stage) {
    await stage.deploy();
    stage.deployedAt = Date.now();
    const stacks = await stage.aws(
      "cloudformation describe-stacks \\\n  --query 'Stacks[].[StackName,StackStatus]' --output text",
    );
    stage.screen.output(stacks);
    const complete = stacks.match(/CREATE_COMPLETE/g)?.length;
    prove('two stacks, both CREATE_COMPLETE', complete === 2, stacks);
    const squids = stage.simulated ? 'simulated hosts' : 'real Squids';
    return `two stacks are there: Shoal, and a fleet of ${squids} behind a balancer`;
  },
};

const arrive: Step = {
  name: 'arrive',
  title: 'Two instances come in',
  text: "Each is configured and proven, registered, and healthy at the balancer; only then Shoal says CONTINUE, and Auto Scaling puts it in service. The milliseconds count from the fleet's deployment.",
  async play(stage) {
    // The first decisions may have been taken while the stacks were being described.
    stage.startedAt = stage.deployedAt;
    await arrival(stage, 2);
    const states = await stage.aws(
      "autoscaling \\\n  describe-auto-scaling-instances --output text \\\n  --query 'AutoScalingInstances[].[InstanceId,LifecycleState]'",
    );
    stage.screen.output(states);
    prove('two instances InService', states.match(/InService/g)?.length === 2, states);
    return 'both are in service, and neither was before it was healthy';
  },
};

const list: Step = {
  name: 'list',
  title: 'A machine of the closed network lists a bucket',
  needsRealHosts: true,
  text: 'From 172.31.0.10 on-premises, over TLS, through the balancer and a Squid.',
  async play(stage) {
    const listing = await stage.client('aws s3 ls s3://squid-test-bucket/', headquarters);
    prove('a listing with hello.txt', listing.includes('hello.txt'), listing);
    return 'the bucket is listed';
  },
};

const metadata: Step = {
  name: 'metadata',
  title: 'The metadata address is refused',
  needsRealHosts: true,
  text: "Through a proxy on EC2 anybody could fetch the instance's own credentials.",
  async play(stage) {
    const address = 'http://169.254.169.254/latest/meta-data/';
    const words = `curl -s -o /dev/null -w 'HTTP %{http_code}\\n' \\\n  ${address}`;
    const answer = await stage.client(words, headquarters);
    prove('HTTP 403', answer === 'HTTP 403', answer);
    return 'HTTP 403, though this client may use the proxy';
  },
};

const planByHand: Step = {
  name: 'plan',
  title: 'A plan, asked for by hand',
  text: 'What Shoal would do now, for each instance, and why. It asks every host and changes nothing.',
  async play(stage) {
    const { instances, mistakes, diff } = await plan(stage);
    const live = instances.filter(({ step, reason }) => step === 'nothing' && reason === 'runs live');
    const expected = (await stage.overview()).desiredCapacity;
    const met = live.length === expected && mistakes.length === 0 && diff === '';
    prove(`nothing to do for ${expected} instances`, met, JSON.stringify(instances));
    return `all ${expected} run what is live, and nothing is left to do`;
  },
};

export const story: Step[] = [
  deploy,
  arrive,
  list,
  metadata,
  add,
  remove,
  unfit,
  typo,
  rollback,
  scale,
  canary,
  leave,
  abandon,
  repair,
  lost,
  planByHand,
];
