import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { project } from './shell.ts';
import { prove, type Stage } from './stage.ts';

const program = relative(project, fileURLToPath(new URL('./traffic.ts', import.meta.url)));

/** Clients that go on while something happens to the fleet: traffic.ts, run as an on-premises machine. */
export interface Clients {
  /** The tunnels of which it has been said so far, each by the client's own end. */
  tunnels(state: 'open' | 'still open' | 'closed'): string[];
  /** Ends them, and shows and returns what became of them. */
  end(): Promise<string>;
}

/** Starts them, and waits until each of their tunnels has carried an answer. */
export async function startClients(stage: Stage, from: string, words: string): Promise<Clients> {
  const running = stage.startClient(`node ${program} ${words}`, from);
  const wanted = Number(/--tunnels (\d+)/.exec(words)?.[1] ?? 0);
  const clients: Clients = {
    tunnels: (state) =>
      [...running.printed().matchAll(/^(\S+) {2}(open|still open|closed)\b/gm)].flatMap(([, name, said]) =>
        said === state ? [name!] : [],
      ),
    async end() {
      running.endInput();
      const { output } = await running.ended;
      stage.screen.output(output.replaceAll(/^\S+ {2}open\n/gm, ''));
      return output;
    },
  };
  const expected = `${wanted} tunnels from ${from}`;
  await stage.until(expected, () => {
    prove(expected, clients.tunnels('closed').length === 0, running.printed());
    return { met: clients.tunnels('open').length === wanted, seen: running.printed() || 'none' };
  });
  return clients;
}

/** What runs on each host, by its id, as the host itself says it: Squid's processes, and the config they serve. */
export async function squids(stage: Stage): Promise<Map<string, string>> {
  const { instances } = await stage.overview();
  const ask = `sh -c 'echo processes $(cat /run/squid.pid; pgrep -P $(cat /run/squid.pid)), config \\
    $(curl -sI -x 127.0.0.1:3128 http://config-generation.invalid/ | grep -o "sha256-[0-9a-f]\\{12\\}")'`;
  const answers = await Promise.all(
    instances.map(async ({ id }) => [id, await stage.quietly('shell', `${id} -- ${ask}`)] as const),
  );
  return new Map(answers);
}

/** Proves that nothing happened to any Squid since. */
export async function expectUntouched(stage: Stage, before: Map<string, string>): Promise<void> {
  for (const [id, said] of await squids(stage)) {
    stage.screen.output(`${id}  ${said}`);
    prove(`${id} as before, ${before.get(id)}`, said === before.get(id), said);
  }
}

/** Which of the clients' tunnels go through each host, by its id. */
export async function tunnelsByHost(stage: Stage, clients: Clients): Promise<Map<string, string[]>> {
  const { instances } = await stage.overview();
  const answers = await Promise.all(
    instances.map(async ({ id }) => {
      const connected = await stage.quietly('shell', `${id} -- ss -Htn state established`);
      // As a socket for both families has it: [::ffff:172.31.0.10]:50000.
      const isHere = (name: string) => new RegExp(`[ :]${name.replace(':', ']?:')}(\\s|$)`).test(connected);
      return [id, clients.tunnels('open').filter(isHere)] as const;
    }),
  );
  return new Map(answers);
}
