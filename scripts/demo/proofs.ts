import { BlockList } from 'node:net';
import { defaultClientAddress as headquarters } from '../../region/network/client.ts';
import { describeInstance, isReady, type Overview } from '../../region/overview.ts';
import { prove, type Stage } from './stage.ts';

const object = 'https://s3.ap-northeast-1.amazonaws.com/squid-test-bucket/hello.txt';
const fetchObject = `curl -s -w 'HTTP %{http_connect} from the proxy\\n' \\\n  ${object}`;

/** Waits until `count` instances serve, and proves of each but the known ones that it came in the right way. */
export async function arrival(stage: Stage, count: number, known = new Set<string>()): Promise<void> {
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

/** Fetches an object through the balancer, and proves the proxy's answer to the client. */
export async function expectFetch(
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
  refused: string[];
  mistakes: Record<'parameter' | 'version' | 'problem', string>[];
  instances: Record<'instance' | 'lifecycle' | 'target' | 'step' | 'reason', string>[];
  diff: string;
}

/** Invokes reconcile by hand, and answers what it answers: the CLI prints that, and then its own metadata. */
export async function invoke(stage: Stage, payload: string): Promise<unknown> {
  const printed = await stage.aws(`lambda invoke \\\n  --function-name shoal-reconcile --payload ${payload}`);
  return JSON.parse(printed.slice(0, printed.lastIndexOf('{')));
}

/** Asks for the plan and shows it. */
export async function plan(stage: Stage): Promise<Plan> {
  const { screen } = stage;
  const answer = (await invoke(stage, 'fileb://events/plan.json \\\n  /dev/stdout')) as Plan;
  prove('a plan', Array.isArray(answer.instances), JSON.stringify(answer));
  screen.say(`Says: ${answer.says}`);
  for (const { parameter, version, problem } of answer.mistakes)
    screen.say(`${parameter}, version ${version}: ${problem}`);
  for (const { instance, lifecycle, target, step, reason } of answer.instances)
    screen.output(`${instance}  ${lifecycle}, ${target}  ${step}: ${reason}`);
  return answer;
}

export function describe({ instances, desiredCapacity }: Overview): string {
  return `${desiredCapacity} wanted, ${instances.map(describeInstance).join(', ') || 'no instance'}`;
}

export function lastDecision({ decisions }: Stage): string {
  const last = decisions.at(-1);
  return last ? `last decided: ${last.step}, ${last.reason}` : 'nothing was decided';
}
