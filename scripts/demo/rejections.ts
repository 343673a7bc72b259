import { defaultClientAddress as headquarters } from '../../region/network/client.ts';
import { isReady } from '../../region/overview.ts';
import { expectUntouched, squids, startClients, tunnelsByHost } from './clients.ts';
import { branch, networks, putNetworks, untilAccepted } from './edits.ts';
import { describe, expectFetch, lastDecision } from './proofs.ts';
import { prove, type Stage, type Step } from './stage.ts';

// So impatient that the trial is over before the next sweep comes by.
const noNameServer = `dns_nameservers 10.0.0.53
  dns_timeout 1 second
  dns_retransmit_interval 500 milliseconds`;

export const unfit: Step = {
  name: 'unfit',
  title: "Edits that parse and can't work touch no Squid",
  needsRealHosts: true,
  text: "A log in a folder that isn't there, then a name server that is none. The first host tries each out in a second Squid, beside the one that serves.",
  async play(stage) {
    const before = await squids(stage);
    const clients = await startClients(stage, headquarters, '--tunnels 2 --new');
    await expectRejected(stage, 'access_log stdio:/var/log/proxy/access.log', /a trial run of it/);
    await expectRejected(stage, noNameServer, /a trial run .* the probe URL does not answer/);
    stage.screen.say('Mended:');
    await putDirectives(stage, 'none');
    await untilAccepted(stage);
    const printed = await clients.end();
    prove('every new connection served', / [1-9]\d* answered, 0 failed$/m.test(printed), printed);
    prove('both tunnels open', clients.tunnels('still open').length === 2, printed);
    await expectUntouched(stage, before);
    return 'both were rejected; each Squid runs as before, and no client noticed';
  },
};

export const canary: Step = {
  name: 'canary',
  title: 'The first host fails, and goes back alone',
  needsRealHosts: true,
  text: 'What no trial can know: there Squid dies when it is told to read its file. Zones go in turn, so it is the first of the first zone.',
  async play(stage) {
    const { live, instances } = await stage.overview();
    const [first = ''] = instances
      .map(({ zone, id }) => `${zone} ${id}`)
      .sort()
      .map((name) => name.split(' ')[1]);
    const clients = await startClients(stage, headquarters, '--tunnels 6');
    const through = await tunnelsByHost(stage, clients);
    const others = [...through].flatMap(([id, tunnels]) => (id === first ? [] : tunnels));
    const lacking = [...through.values()].some((tunnels) => tunnels.length === 0);
    prove('tunnels through each instance', !lacking, JSON.stringify(Object.fromEntries(through)));
    await stage.region('fault', `break-reload ${first}`);
    await putNetworks(stage, networks.both);
    const { instance } = await expectRejection(stage, undefined, /workers took the file|Squid died/);
    prove(`${first} to have gone first`, instance === first, instance);
    await stage.until('every Squid to run what is live', async (overview) => {
      const seen = `${describe(overview)}; ${lastDecision(stage)}`;
      // Before that, another run may still be at work on the edit.
      const reversed = stage.decisions.some(({ reason }) => reason === 'live is proven again');
      if (!reversed || !isReady(overview)) return { met: false, seen };
      const said = [...(await squids(stage)).values()];
      return { met: said.every((it) => it.endsWith(`sha256-${live?.slice(0, 12)}`)), seen: said.join('; ') };
    });
    const printed = await clients.end();
    const open = clients.tunnels('still open');
    prove(
      `tunnels through the others open, ${others.join(', ')}`,
      others.every((one) => open.includes(one)),
      printed,
    );
    await expectFetch(stage, 'HTTP 403', branch);
    stage.screen.say('Mended:');
    await stage.region('fault', `mend-reload ${first}`);
    await putNetworks(stage, networks.first);
    await untilAccepted(stage);
    return `${first} went back to what is live, and ${others.length} tunnels through the others stayed open`;
  },
};

/** Edits the directives, and proves that the canary's trial refuses them. */
async function expectRejected(stage: Stage, directive: string, reason: RegExp): Promise<void> {
  const { rejected } = await stage.overview();
  await putDirectives(stage, directive);
  await expectRejection(stage, rejected?.sha256, reason);
}

async function putDirectives(stage: Stage, value: string): Promise<void> {
  await stage.aws(
    `ssm put-parameter \\\n  --overwrite --type String --name /shoal/demo/extra-directives \\\n  --value '${value}'`,
  );
}

async function expectRejection(stage: Stage, known: string | undefined, reason: RegExp) {
  const { rejected } = await stage.until('the first host to reject it', (overview) => ({
    met: overview.rejected !== undefined && overview.rejected.sha256 !== known,
    seen: `${describe(overview)}; ${lastDecision(stage)}`,
  }));
  prove(`the reason ${reason.source}`, reason.test(rejected!.reason), rejected!.reason);
  return rejected!;
}
