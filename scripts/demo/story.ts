import { BlockList } from 'node:net';
import { defaultClientAddress as headquarters } from '../../region/network/client.ts';
import { describeInstance, isReady, type Overview } from '../../region/overview.ts';
import { broken } from './decisions.ts';
import { prove, type Stage } from './stage.ts';

export interface Step {
  name: string;
  title: string;
  text: string;
  /** It is about what a client gets from Squid, and isn't shown on simulated hosts. */
  needsRealHosts?: true;
  /** Plays the step; resolves to what is proven by it. @throws NotProven */
  play(stage: Stage): Promise<string>;
}

const object = 'https://s3.ap-northeast-1.amazonaws.com/squid-test-bucket/hello.txt';
const fetchObject = `curl -s -w 'HTTP %{http_connect} from the proxy\\n' \\\n  ${object}`;
const branch = '192.168.7.10';
const networks = {
  first: '172.31.0.0/24',
  both: '172.31.0.0/24,192.168.7.0/24',
  typo: '172.31.0.0/24,192.168.7.0/33',
};

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

const add: Step = {
  name: 'add',
  title: 'A network is added',
  text: `A client at ${branch} is refused; one edit of a parameter lets its network in.`,
  async play(stage) {
    await expectFetch(stage, 'HTTP 403', branch);
    await edit(stage, networks.both);
    await expectFetch(stage, 'HTTP 200', branch);
    return `${branch} is allowed, refused before`;
  },
};

const remove: Step = {
  name: 'remove',
  title: 'The network is removed again',
  text: 'Every host proves the narrower list before Shoal calls it live.',
  async play(stage) {
    await edit(stage, networks.first);
    await expectFetch(stage, 'HTTP 403', branch);
    return `${branch} is refused again`;
  },
};

const typo: Step = {
  name: 'typo',
  title: 'A typo changes nothing and says what is wrong',
  text: 'There is no /33. The plan, asked for by hand, names the parameter and its version.',
  async play(stage) {
    const { live } = await stage.overview();
    await putNetworks(stage, networks.typo);
    await stage.until('Shoal to say that the parameters are broken', () => ({
      met: stage.decisions.some(({ reason }) => reason.startsWith(broken)),
      seen: lastDecision(stage),
    }));
    const { mistakes } = await plan(stage);
    const [mistake] = mistakes;
    prove('a mistake in allowed-cidrs', mistake?.parameter === 'allowed-cidrs', JSON.stringify(mistakes));
    const after = await stage.overview();
    prove('the same config live', after.live === live && isReady(after), describe(after));
    await expectFetch(stage, 'HTTP 200');
    stage.screen.say('Mended:');
    await edit(stage, networks.both);
    await expectFetch(stage, 'HTTP 200', branch);
    return `nothing changed, the plan said why; mended, ${branch} is allowed`;
  },
};

const scale: Step = {
  name: 'scale',
  title: 'The fleet scales out by one',
  text: 'The new instance comes in on what is live, by the same way.',
  async play(stage) {
    const { instances, desiredCapacity } = await stage.overview();
    const wanted = desiredCapacity + 1;
    const options = `--auto-scaling-group-name shoal-demo --desired-capacity ${wanted}`;
    await stage.aws(`autoscaling set-desired-capacity \\\n  ${options}`);
    await arrival(stage, wanted, new Set(instances.map(({ id }) => id)));
    await expectFetch(stage, 'HTTP 200');
    return `${wanted} instances are in service and healthy`;
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

export const story: Step[] = [deploy, arrive, list, metadata, add, remove, typo, scale, planByHand];

/** Waits until `count` instances serve, and proves of each but the known ones that it came in the right way. */
async function arrival(stage: Stage, count: number, known = new Set<string>()): Promise<void> {
  const { instances } = await stage.until(`${count} instances in service and healthy`, (overview) => {
    for (const instance of overview.instances) {
      const early = instance.lifecycleState === 'InService' && instance.health !== 'healthy';
      prove('an instance in service only when healthy', !early, describeInstance(instance));
    }
    return { met: overview.instances.length === count && isReady(overview), seen: describe(overview) };
  });
  for (const { id } of instances.filter((instance) => !known.has(instance.id))) {
    const own = stage.decisions.filter(({ who }) => who === id).map(({ step }) => step);
    const order = own.filter((step) => ['register', 'CONTINUE', 'ABANDON'].includes(step)).join(', ');
    prove(`${id}: register, CONTINUE`, order === 'register, CONTINUE', order || 'no such decision');
  }
}

async function putNetworks(stage: Stage, value: string): Promise<void> {
  await stage.aws(`ssm put-parameter --overwrite \\\n  --name /shoal/demo/allowed-cidrs --value ${value}`);
}

/** Edits the allowed networks and waits until every host has proven them. */
async function edit(stage: Stage, value: string): Promise<void> {
  const { live } = await stage.overview();
  await putNetworks(stage, value);
  await stage.until('the edit to be live', (overview) => ({
    met: overview.live !== live && isReady(overview),
    seen: `${describe(overview)}; ${lastDecision(stage)}`,
  }));
}

/** Fetches an object through the balancer, and proves the proxy's answer to the client. */
async function expectFetch(
  stage: Stage,
  expected: 'HTTP 200' | 'HTTP 403',
  from = headquarters,
): Promise<void> {
  if (stage.simulated) return expectAllowed(stage, expected === 'HTTP 200', from);
  const printed = await stage.client(fetchObject, from);
  const got = printed.includes('Hello from the other side');
  prove(expected, printed.includes(expected) && got === (expected === 'HTTP 200'), printed);
}

/** Where no client can ask, what it would get is read from the squid.conf that every host has proven. */
async function expectAllowed(stage: Stage, allowed: boolean, client: string): Promise<void> {
  const { live } = await stage.overview();
  const words = `ssm get-parameters-by-path --recursive \\\n  --path /shoal-state/demo/config --output text \\
  --query "Parameters[?contains(Name,'${live?.slice(0, 12)}')].Value" |
  base64 -d | gunzip | grep -o 'acl allowed_src src [0-9./]*'`;
  const lines = await stage.aws(words);
  stage.screen.output(lines);
  const networks = new BlockList();
  for (const [, address = '', bits = '32'] of lines.matchAll(/src ([0-9.]+)(?:\/([0-9]+))?$/gm))
    networks.addSubnet(address, Number(bits), 'ipv4');
  stage.screen.say(`So ${client} is ${networks.check(client) ? 'allowed' : 'refused'}.`);
  prove(`${client} ${allowed ? 'allowed' : 'refused'}`, networks.check(client) === allowed, lines);
}

interface Plan {
  says: string;
  mistakes: Record<'parameter' | 'version' | 'problem', string>[];
  instances: Record<'instance' | 'lifecycle' | 'target' | 'step' | 'reason', string>[];
  diff: string;
}

/** Asks for the plan and shows it; the CLI prints what the function answers, and then its own metadata. */
async function plan({ aws, screen }: Stage): Promise<Plan> {
  const printed = await aws(
    'lambda invoke \\\n  --function-name shoal-reconcile --payload fileb://events/plan.json \\\n  /dev/stdout',
  );
  const answer: Plan = JSON.parse(printed.slice(0, printed.lastIndexOf('{')));
  prove('a plan', Array.isArray(answer.instances), printed);
  screen.say(`Says: ${answer.says}`);
  for (const { parameter, version, problem } of answer.mistakes)
    screen.say(`${parameter}, version ${version}: ${problem}`);
  for (const { instance, lifecycle, target, step, reason } of answer.instances)
    screen.output(`${instance}  ${lifecycle}, ${target}  ${step}: ${reason}`);
  return answer;
}

function describe({ instances, desiredCapacity }: Overview): string {
  return `${desiredCapacity} wanted, ${instances.map(describeInstance).join(', ') || 'no instance'}`;
}

function lastDecision({ decisions }: Stage): string {
  const last = decisions.at(-1);
  return last ? `last decided: ${last.step}, ${last.reason}` : 'nothing was decided';
}
