import type { Machine } from '../../region/hosts/simulated.ts';
import type { Host } from '../../region/ports.ts';
import type { Status } from '../../shared/decisions/model.ts';

export const statusPath = '/shoal-state/demo/status';

/** One version of `status`, as Parameter Store took it. */
export interface Write {
  version: number;
  run: string;
  /** The newest version that its writer had read or written before. */
  basedOn: number;
  value: string;
  status: Status;
}

export type WatchedFleet = ReturnType<typeof watchFleet>;

/**
 * Looks at a fleet from outside, at each write of its `status` and at each command that one of its hosts takes,
 * and writes down whatever must never be:
 *
 * - a host that takes a lower intent than it took before, or a config that its intent doesn't stand for;
 * - a host that takes anything but live when nothing is being rolled out: nobody would bring it back;
 * - `live` written while a reachable host in service doesn't run it, or wasn't proven on it;
 * - a `status` that doesn't follow from the one that its writer had read.
 *
 * Parameter Store has no compare-and-set. Whoever finds that somebody else wrote in between has overwritten a
 * decision that it hadn't read, and puts it back: its own write is no decision and is judged by that alone.
 */
export function watchFleet(machines: Map<string, Machine>) {
  const violations: string[] = [];
  const writes: Write[] = [];
  const seen = new Map<string, number>();
  const taken = new Map<string, string>();
  const overwriters = new Set<string>();
  const found = (what: string) => void violations.push(what);
  const versionOf = (version: number) => writes.find((it) => it.version === version);

  function wrote(run: string, version: number, value: string): void {
    const basedOn = seen.get(run) ?? 0;
    const status: Status = JSON.parse(value);
    const before = versionOf(version - 1);
    writes.push({ version, run, basedOn, value, status });
    seen.set(run, version);
    if (overwriters.has(run)) {
      if (!writes.some((it) => it.run !== run && it.value === value))
        found(`${run} put back what nobody else had written: version ${version} is ${value}`);
      if (basedOn === version - 1) overwriters.delete(run);
      return;
    }
    // The very same decision as the one in between: nothing is lost.
    if (basedOn !== version - 1 && before?.value === value) return;
    if (basedOn !== version - 1) return void overwriters.add(run);
    const step = stepOf(before?.status ?? null, status);
    if (step === null) found(`version ${version} of ${run} doesn't follow: ${before?.value} → ${value}`);
    if (step !== 'live') return;
    for (const id of watched.inService()) {
      const { running, proven } = machines.get(id) ?? {};
      if (running !== status.live?.sha256 || proven?.sha256 !== running)
        found(`version ${version} of ${run} has live written while ${id} runs ${running}`);
    }
  }

  function took(id: string, intent: string, sha256: string): void {
    const last = taken.get(id);
    if (last !== undefined && compare(intent, last) < 0) found(`${id} took ${intent} after ${last}`);
    taken.set(id, intent);
    const [, version = 0, rank = 0] = intent.split('.').map(Number);
    const meant = versionOf(version)?.status;
    if (sha256 !== (rank === 1 ? meant?.rollout : meant?.live)?.sha256)
      found(`${id} took ${sha256} with ${intent}, which stands for another config`);
    const now = writes.at(-1);
    if (now && overwriters.size === 0 && !now.status.rollout && sha256 !== now.status.live?.sha256)
      found(`${id} took ${sha256} with ${intent} when version ${now.version} had ended its rollout`);
  }

  const watched = {
    violations,
    writes,
    status: (): Status | null => writes.at(-1)?.status ?? null,
    /** Ids of those in service that an agent answers for. */
    inService: (): string[] => [],
    /** The versions of `status` that there are already. */
    begin(values: string[]): void {
      for (const memory of [seen, taken, overwriters]) memory.clear();
      violations.length = 0;
      writes.length = 0;
      for (const [index, value] of values.entries())
        writes.push({ version: index + 1, run: '', basedOn: index, value, status: JSON.parse(value) });
    },
    watch: (host: Host): Host => ({
      ...host,
      run: async (command) => {
        const result = await host.run(command);
        const { mode, intent = '', sha256 = '' } = command.parameters;
        const isRefused = /"outcome":"(superseded|busy)"/.test(result.stdout);
        if (mode === 'apply' && result.stdout !== '' && !isRefused) took(host.instanceId, intent, sha256);
        return result;
      },
    }),
    /** A call of a run has taken effect. */
    called(run: string, operation: string, input: Record<string, unknown>, answer: unknown): void {
      if (operation === 'PutParameter' && input.Name === statusPath)
        wrote(run, (answer as { Version: number }).Version, `${input.Value}`);
      if (operation !== 'GetParameters') return;
      for (const { Name, Selector, Version } of (answer as GetParametersAnswer).Parameters)
        if (Name === statusPath && Selector === undefined) seen.set(run, Version);
    },
  };
  return watched;
}

interface GetParametersAnswer {
  Parameters: { Name: string; Version: number; Selector?: string }[];
}

/** What happened between two versions of `status`; null when nothing explains it. */
function stepOf(before: Status | null, after: Status): string | null {
  if (before === null) return after.live === undefined && after.rollout ? 'start' : null;
  const isSame = (part: 'live' | 'rejected' | 'rollout') =>
    JSON.stringify(before[part]) === JSON.stringify(after[part]);
  const { rollout } = before;
  if (before.epoch !== after.epoch) return null;
  if (!isSame('live')) {
    const isTold = rollout && after.live?.sha256 === rollout.sha256 && after.rollout === undefined;
    const isReversed = rollout?.sha256 === before.rejected?.sha256;
    return isTold && !isReversed && isSame('rejected') ? 'live' : null;
  }
  // A new one may take the place of another, lift a rejection, or reject what somebody takes back.
  if (!isSame('rollout') && after.rollout) return after.rollout.startedAt ? 'start' : null;
  if (isSame('rollout')) {
    if (rollout === undefined) return after.rejected === undefined ? 'lifted' : null;
    return after.rejected?.sha256 === rollout.sha256 ? 'rejected' : null;
  }
  const isReversal = rollout?.sha256 === before.rejected?.sha256;
  return isReversal && (isSame('rejected') || after.rejected === undefined) ? 'reversed' : null;
}

function compare(a: string, b: string): number {
  const [mine, theirs] = [a, b].map((text) => text.split('.').map(Number));
  const at = mine?.findIndex((number, index) => number !== theirs?.[index]) ?? -1;
  return at === -1 ? 0 : (mine?.[at] ?? 0) - (theirs?.[at] ?? 0);
}
