import type { Clock, Host, HostCommand, Hosts, RunResult } from '../ports.ts';

/**
 * How a simulated host takes a file:
 * - `works`: everything succeeds.
 * - `rejects`: the file doesn't parse there.
 * - `dies`: Squid dies on it; a Squid that served before is restored.
 * - `probe-fails`: the probe URL doesn't answer through this host, whatever the file.
 * - `unable`: the disk is full. `busy`: another run holds the lock. `hangs`: the script never ends.
 * - `silent`: it prints nothing and exits with 1.
 * - `keeps-tunnels`: it works, and its kernel closes no connection.
 */
export type Behaviour =
  | 'works'
  | 'rejects'
  | 'dies'
  | 'probe-fails'
  | 'unable'
  | 'busy'
  | 'hangs'
  | 'silent'
  | 'keeps-tunnels';

/** What a simulated host is at the moment. Tests may change it, as accidents would. */
export interface Machine {
  running: string | null;
  file: string | null;
  intent: string | null;
  port: number | null;
  serving: boolean;
  connections: number;
  /** The addresses that a check names. */
  clients: string[];
  /** Base64; what a check says of a file that somebody has edited. */
  differs: string | null;
  /** Epoch seconds. */
  drainingSince: number | null;
  proven: { sha256: string; since: number } | null;
  reachable: boolean;
}

export interface SimulatedHosts extends Hosts {
  /** By instance id; terminated ones are gone. */
  readonly machines: Map<string, Machine>;
  /** How an instance, or with `*` every instance, takes a file, or with `*` every file. The nearest wins. */
  behave(instanceId: string, behaviour: Behaviour, sha256?: string): void;
}

export interface Durations {
  applyMs: number;
  checkMs: number;
  busyMs: number;
}

type Report = Record<string, unknown> & { outcome: string; phase: string };

/** Hosts without processes, for thousands of instances on virtual time. They answer as the host script would. */
export function createSimulatedHosts(clock: Clock, durations: Partial<Durations> = {}): SimulatedHosts {
  const { applyMs, checkMs, busyMs } = { applyMs: 800, checkMs: 150, busyMs: 20_000, ...durations };
  const machines = new Map<string, Machine>();
  const behaviours = new Map<string, Behaviour>();
  let launched = 0;

  function behaviourOf(id: string, sha256: string): Behaviour {
    const keys = [`${id} ${sha256}`, `${id} *`, `* ${sha256}`, '* *'];
    return keys.map((key) => behaviours.get(key)).find((found) => found !== undefined) ?? 'works';
  }

  async function run(id: string, command: HostCommand): Promise<RunResult> {
    const { mode = 'apply', sha256 = '' } = command.parameters;
    const behaviour = behaviourOf(id, sha256);
    const usual = mode !== 'apply' ? checkMs : behaviour === 'busy' ? busyMs : applyMs;
    const ms = behaviour === 'hangs' ? Number.POSITIVE_INFINITY : usual;
    const { signal, timeoutMs } = command;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(Math.min(ms, timeoutMs), resolve);
      signal?.addEventListener('abort', () => {
        cancel();
        resolve();
      });
    });
    const machine = machines.get(id);
    if (ms > timeoutMs || machine === undefined || signal?.aborted) {
      const timedOut = machine !== undefined && signal?.aborted !== true;
      return { exitCode: 137, stdout: '', stderr: '', timedOut };
    }
    if (behaviour === 'silent') return { exitCode: 1, stdout: '', stderr: '', timedOut: false };
    const report = answer(machine, command.parameters, behaviour, Math.floor(clock.now() / 1000));
    return { exitCode: 0, stdout: `${JSON.stringify(report)}\n`, stderr: '', timedOut: false };
  }

  return {
    machines,
    behave: (instanceId, behaviour, sha256 = '*') =>
      void behaviours.set(`${instanceId} ${sha256}`, behaviour),
    async launch({ instanceId }): Promise<Host> {
      const nth = launched++;
      machines.set(instanceId, fresh());
      return {
        instanceId,
        address: `10.${1 + Math.floor(nth / 62_500)}.${Math.floor(nth / 250) % 250}.${1 + (nth % 250)}`,
        run: (command) => run(instanceId, command),
        async accepts(port) {
          const machine = machines.get(instanceId);
          return machine?.reachable === true && machine.serving && machine.port === port;
        },
        stop: async () =>
          void Object.assign(machines.get(instanceId) ?? {}, {
            running: null,
            serving: false,
            connections: 0,
            clients: [],
          }),
        async start() {
          const machine = machines.get(instanceId);
          // Whoever has proven a file has enabled Squid, which starts with the one on the disk.
          if (machine?.proven) Object.assign(machine, { running: machine.file, serving: true });
        },
        replaceRootVolume: async () => void Object.assign(machines.get(instanceId) ?? {}, fresh()),
        terminate: async () => void machines.delete(instanceId),
      };
    },
  };
}

function fresh(): Machine {
  return {
    ...{ running: null, file: null, intent: null, port: null, serving: false },
    ...{ connections: 0, clients: [], differs: null, drainingSince: null, proven: null, reachable: true },
  };
}

function answer(machine: Machine, parameters: Record<string, string>, behaviour: Behaviour, now: number) {
  const mode = parameters.mode ?? 'apply';
  const modes: Record<string, () => Report> = {
    apply: () => apply(machine, parameters, behaviour, now),
    check: () => ({
      ...check(machine, parameters.sha256 ?? ''),
      clients: machine.clients.slice(0, 40),
      clientsTotal: machine.clients.length,
      ...(machine.differs !== null && { differs: machine.differs }),
    }),
    connections: () => {
      machine.drainingSince ??= now;
      const { connections, drainingSince } = machine;
      return { ...check(machine, ''), connections, drainingSince };
    },
  };
  const failed = behaviour === 'probe-fails' && machine.serving;
  const probe = parameters.probeUrl ? (failed ? 'failed' : 'ok') : 'none';
  const report = modes[mode]?.() ?? { outcome: 'unable', phase: 'lock', reason: `unknown mode ${mode}` };
  const { running, file, intent, serving, proven } = machine;
  const since = proven && { provenSince: proven.since };
  return { mode, reason: '', running, file, intent, serving, probe, squid: '6.13', ...since, ...report };
}

function apply(
  machine: Machine,
  parameters: Record<string, string>,
  behaviour: Behaviour,
  now: number,
): Report {
  const { sha256 = '', intent = '', port = '3128', revoke } = parameters;
  if (behaviour === 'busy') return ended('busy', 'lock', 'another run held the lock for 20 s');
  if (isLower(intent, machine.intent)) {
    return ended('superseded', 'intent', `${intent} is lower than ${machine.intent}`);
  }
  machine.intent = intent;
  if (behaviour === 'unable') return ended('unable', 'swap', 'no space left on device');
  const unchanged = machine.serving && machine.running === sha256;
  const probeFailed = behaviour === 'probe-fails' && Boolean(parameters.probeUrl);
  if (!unchanged && behaviour === 'rejects') return ended('rejected', 'parse', 'squid -k parse fails');
  if (!unchanged && behaviour === 'dies') {
    if (machine.serving) return ended('restored', 'restore', 'Squid died: FATAL');
    Object.assign(machine, { file: sha256, running: null });
    return ended('failed', 'start', 'Squid died: FATAL');
  }
  const wasServing = machine.serving;
  Object.assign(machine, { running: sha256, file: sha256, port: Number(port), serving: true, differs: null });
  if (probeFailed && !wasServing) {
    return {
      ...ended('failed', 'proof', 'the probe URL does not answer through the proxy'),
      probe: 'failed',
    };
  }
  if (machine.proven?.sha256 !== sha256) machine.proven = { sha256, since: now };
  // Where the probe failed through the Squid that served before as well, it says nothing about the file.
  const change = unchanged ? 'none' : wasServing ? 'reconfigure' : 'start';
  return {
    ...ended('proven', 'done', ''),
    change,
    ...(revoke !== 'keep' && { closed: 0, tunnels: behaviour === 'keeps-tunnels' ? 'kept' : 'closed' }),
    ...(probeFailed && { probeFailedBefore: true }),
  };
}

function check(machine: Machine, sha256: string): Report {
  if (!machine.serving) return ended('unproven', 'proof', 'no Squid serves the port');
  const expected = sha256 || machine.file;
  if (machine.running !== expected)
    return ended('unproven', 'proof', `Squid runs ${machine.running}, not ${expected}`);
  return ended('proven', 'done', '');
}

function ended(outcome: string, phase: string, reason: string): Report {
  return { outcome, phase, reason };
}

/** Intents are `epoch.version.rank`, compared number by number. */
function isLower(intent: string, known: string | null): boolean {
  const [mine, theirs] = [intent, known ?? ''].map((text) => text.split('.').map(Number));
  const index = mine!.findIndex((number, at) => number !== (theirs![at] ?? 0));
  return index !== -1 && mine![index]! < (theirs![index] ?? 0);
}
