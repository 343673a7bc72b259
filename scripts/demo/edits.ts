import { defaultClientAddress as headquarters } from '../../region/network/client.ts';
import { isReady } from '../../region/overview.ts';
import { startClients } from './clients.ts';
import { broken } from './decisions.ts';
import { describe, expectFetch, invoke, lastDecision, plan } from './proofs.ts';
import { prove, type Stage, type Step } from './stage.ts';

export const branch = '192.168.7.10';
export const networks = {
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
  title: 'The network is removed, and its tunnels with it',
  text: 'Every host proves the narrower list, and closes what its clients have open. Others keep their tunnels.',
  async play(stage) {
    // Without real hosts there are no tunnels.
    const [going, staying] = stage.simulated
      ? []
      : await Promise.all([branch, headquarters].map((from) => startClients(stage, from, '--tunnels 2')));
    await edit(stage, networks.first);
    const [closed, open] = [await going?.end(), await staying?.end()];
    if (going && staying) {
      prove(`both tunnels of ${branch} closed`, going.tunnels('closed').length === 2, `${closed}`);
      prove(`both tunnels of ${headquarters} open`, staying.tunnels('still open').length === 2, `${open}`);
    }
    await expectFetch(stage, 'HTTP 403', branch);
    return `${branch} is refused again${going ? ', and its tunnels are closed; others are open' : ''}`;
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

export const rollback: Step = {
  name: 'rollback',
  title: 'An edit is taken back by hand',
  text: 'What was live before is rolled out again, by the same waves. The parameter keeps its newer value, which is rejected until it is edited.',
  async play(stage) {
    const { live } = await stage.overview();
    await invoke(stage, `fileb:///dev/stdin \\\n  /dev/stdout <<<'{"fleet": "demo", "mode": "rollback"}'`);
    await stage.until('the earlier config to be live', (overview) => ({
      met: overview.live !== live && isReady(overview),
      seen: `${describe(overview)}; ${lastDecision(stage)}`,
    }));
    await expectFetch(stage, 'HTTP 403', branch);
    const { refused, diff } = await plan(stage);
    prove('the newer value refused', /rejected .*by hand/.test(refused.join()), refused.join('; '));
    const [newer = ''] = /^\+acl allowed_src .*/m.exec(diff) ?? [];
    stage.screen.output(newer);
    prove('the newer value in the parameter', newer.includes('192.168.7.0/24'), diff);
    stage.screen.say('With the value that is live, nothing is rejected any more:');
    await putNetworks(stage, networks.first);
    await untilAccepted(stage);
    return `${branch} is refused again, whatever the parameter said`;
  },
};

export async function putNetworks(stage: Stage, value: string): Promise<void> {
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

/** Waits until nothing that the parameters ask for is rejected. */
export async function untilAccepted(stage: Stage): Promise<void> {
  await stage.until('nothing to be rejected', (overview) => ({
    met: overview.rejected === undefined && isReady(overview),
    seen: `${overview.rejected?.reason}; ${describe(overview)}`,
  }));
}
