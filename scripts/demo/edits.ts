import { isReady } from '../../region/overview.ts';
import { broken } from './decisions.ts';
import { describe, expectFetch, lastDecision, plan } from './proofs.ts';
import { prove, type Stage, type Step } from './stage.ts';

const branch = '192.168.7.10';
const networks = {
  first: '172.31.0.0/24',
  both: '172.31.0.0/24,192.168.7.0/24',
  typo: '172.31.0.0/24,192.168.7.0/33',
};

export const add: Step = {
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

export const remove: Step = {
  name: 'remove',
  title: 'The network is removed again',
  text: 'Every host proves the narrower list before Shoal calls it live.',
  async play(stage) {
    await edit(stage, networks.first);
    await expectFetch(stage, 'HTTP 403', branch);
    return `${branch} is refused again`;
  },
};

export const typo: Step = {
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
