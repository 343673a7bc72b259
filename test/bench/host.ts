import { config, launchServing, onPremises, openBed, probeUrl, type TestHost } from '../host/bed.ts';
import { type Figure, median, spread, timed } from './figure.ts';

const rounds = 15;
const files = { a: config(), b: config({ allowedCidrs: [onPremises, '192.168.0.0/24'] }) };

/**
 * What a person would do at the host's shell: check the file, make the change, and wait until both workers
 * answer with the file's name. `by-hand CHANGE FILE SHA256`.
 */
const byHand = `#!/bin/bash
squid -k parse -f "$2" 2>/dev/null || exit
cp "$2" /etc/squid/squid.conf
if [[ $1 == start ]]; then systemctl start squid; else squid -k reconfigure; fi
until [[ $first && $second ]]; do
  { exec 5<>/dev/tcp/127.0.0.1/3128; } 2>/dev/null || { sleep 0.01; continue; }
  printf 'GET http://config-generation.invalid/ HTTP/1.0\\r\\n\\r\\n' >&5
  answer=$(tr -d '\\r' <&5)
  exec 5>&-
  if [[ $answer == *"$3-w1"* ]]; then first=1; fi
  if [[ $answer == *"$3-w2"* ]]; then second=1; fi
done`;

const authorities = '/etc/ssl/certs/ca-certificates.crt';

/** The host script against the same by hand, in turns, on one real host, both as the agent would start them. */
export async function host(): Promise<Figure[]> {
  const bed = await openBed();
  try {
    const machine = await launchServing(bed, files.a, async (it) => {
      // Squid reads as many authorities as on a machine of its own then, at each start.
      await it.shell(`! mountpoint -q ${authorities} || umount ${authorities}`);
      await it.shell(`cat >/tmp/by-hand <<'END'\n${byHand}\nEND`);
      for (const [name, { file }] of Object.entries(files))
        await it.shell(`cat >/tmp/${name} <<'END'\n${file}END`);
    });
    return await measure(machine);
  } finally {
    await bed.close();
  }
}

async function measure(machine: TestHost): Promise<Figure[]> {
  const script = { unchanged: [] as number[], start: [] as number[], reload: [] as number[] };
  const hand = structuredClone(script);
  const entering: number[] = [];
  const apply = (name: 'a' | 'b') => timed(() => machine.apply(files[name], { probeUrl }));
  const person = (change: 'start' | 'reload', name: 'a' | 'b') =>
    timed(() => machine.shell(`bash /tmp/by-hand ${change} /tmp/${name} ${files[name].sha256}`));
  for (let round = 0; round < rounds; round++) {
    entering.push(await timed(() => machine.shell('true')));
    script.reload.push(await apply('b'));
    script.unchanged.push(await apply('b'));
    // Who works by hand doesn't know that it is in force already.
    hand.unchanged.push(await person('reload', 'b'));
    await machine.shell('sleep 0.5');
    hand.reload.push(await person('reload', 'a'));
    await machine.kill();
    script.start.push(await apply('a'));
    await machine.kill();
    hand.start.push(await person('start', 'a'));
  }
  // Getting into the host is neither's own time. At some of its starts, whoever starts it, one of Squid's
  // processes comes too early for another and tries again a second later; those say nothing of the script.
  const own = (times: number[]) =>
    median(times.filter((time) => time < Math.min(...times) + 600)) - median(entering);
  const targets = { unchanged: 2, start: 2, reload: 4 };
  return (['unchanged', 'start', 'reload'] as const).map((change) => ({
    what: `host script, ${change}, by the same by hand`,
    unit: '×',
    target: targets[change],
    measured: own(script[change]) / own(hand[change]),
    how: `${rounds} rounds in turn, least / median / most: ${spread(script[change])}, by hand ${spread(hand[change])}`,
  }));
}
