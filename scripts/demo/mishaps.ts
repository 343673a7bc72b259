import { isReady } from '../../region/overview.ts';
import { arrival, describe, expectFetch, lastDecision } from './proofs.ts';
import { resize } from './scaling.ts';
import { prove, type Stage, type Step } from './stage.ts';

const stranger = '192.168.99.10';
const threeFetches = `curl -sZ --parallel-immediate \\
  -o /dev/null -w 'HTTP %{http_connect}\\n' 2>/dev/null \\
  'https://s3.ap-northeast-1.amazonaws.com/squid-test-bucket/?[1-3]'`;
const openToAll = `sh -c \\
  "sed -i '1i http_access allow all' /etc/squid/squid.conf
  squid -k reconfigure"`;

export const abandon: Step = {
  name: 'abandon',
  title: "Squid can't start on an instance: it is replaced",
  needsRealHosts: true,
  text: 'The agent of the next one is held back while its shared memory is made read-only. Others run the same file, so a new machine can cure it.',
  async play(stage) {
    const { instances, desiredCapacity } = await stage.overview();
    const known = new Set(instances.map(({ id }) => id));
    await stage.region('fault', 'stop-agent new 1');
    const wanted = await resize(stage, desiredCapacity + 1);
    const isNew = ({ id }: { id: string }) => !known.has(id);
    const { instances: all } = await stage.until('a new instance in its hook', (overview) => ({
      met: overview.instances.find(isNew)?.lifecycleState === 'Pending:Wait',
      seen: describe(overview),
    }));
    const id = all.find(isNew)!.id;
    await stage.region('shell', `${id} -- \\\n  mount -o remount,ro /dev/shm`);
    await stage.region('fault', 'clear');
    await arrival(stage, wanted, known);
    const verdict = stage.decisions.find(
      ({ who, step }) => who === id && ['register', 'CONTINUE', 'ABANDON'].includes(step),
    );
    const said = verdict ? `${verdict.step}, ${verdict.reason}` : 'no verdict';
    prove(`${id}: ABANDON in phase start`, /^ABANDON, .* phase start: Squid died/.test(said), said);
    await expectFetch(stage, 'HTTP 200');
    return `${id} is abandoned with its reason, and was never registered; another one took its place`;
  },
};

export const repair: Step = {
  name: 'repair',
  title: 'A file edited by hand, a Squid killed: repaired',
  needsRealHosts: true,
  text: 'One host lets everybody in now, another one serves nobody. All hosts are asked now and then, and whoever looks unwell at once.',
  async play(stage) {
    const [edited, killed] = (await stage.overview()).instances.map(({ id }) => id);
    await stage.region('shell', `${edited} -- ${openToAll}`);
    await stage.region('fault', `kill-squid ${killed}`);
    const repaired = (who: string | undefined, reason: RegExp) =>
      stage.decisions.some((it) => it.who === who && it.step === 'apply' && reason.test(it.reason));
    await stage.until('both hosts to be repaired', async (overview) => {
      const seen = `${describe(overview)}; ${lastDecision(stage)}`;
      if (!repaired(edited, /is not the file/) || !repaired(killed, /: /) || !isReady(overview))
        return { met: false, seen };
      // A repair takes a moment longer than its decision.
      const printed = await stage.quietly('client', `--from ${stranger} -- ${threeFetches}`);
      return { met: isRefused(printed), seen: printed };
    });
    const printed = await stage.client(threeFetches, stranger);
    prove('three times HTTP 403', isRefused(printed), printed);
    await expectFetch(stage, 'HTTP 200');
    return 'both run what is live again: the stranger is refused by each, and clients are served';
  },
};

export const lost: Step = {
  name: 'lost',
  title: 'An event is lost, and the sweep steps in',
  text: 'No function hears of the next launch. The sweep leaves an instance to its handler while it is young, and then brings it in itself.',
  async play(stage) {
    const { instances, desiredCapacity } = await stage.overview();
    const known = new Set(instances.map(({ id }) => id));
    await stage.region('fault', 'lose launch');
    const wanted = await resize(stage, desiredCapacity + 1);
    await arrival(stage, wanted, known);
    await proveBySweep(stage, known);
    await expectFetch(stage, 'HTTP 200');
    return `the sweep brought it in; ${wanted} instances are in service and healthy`;
  },
};

async function proveBySweep(stage: Stage, known: Set<string>): Promise<void> {
  const { instances } = await stage.overview();
  const fresh = instances.map(({ id }) => id).filter((id) => !known.has(id));
  const by = new Set(stage.decisions.filter(({ who }) => fresh.includes(who)).map((it) => it.by));
  prove('decisions of the sweep alone', [...by].join() === 'shoal-reconcile', [...by].join());
}

const isRefused = (printed: string) => /^(HTTP 403\n){2}HTTP 403$/.test(printed);
