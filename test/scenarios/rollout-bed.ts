import { readFileSync } from 'node:fs';
import { vi } from 'vitest';
import { readTemplate } from '../../region/template.ts';
import type { Status } from '../../shared/decisions/model.ts';
import { type Virtual, type VirtualOptions, virtualRegion } from './virtual-region.ts';

const caller = { identity: 'administrator', accessKeyId: 'x', requestId: 'x' };

/** A file that was applied to a host that did not run it. */
interface Move {
  id: string;
  zone: string;
  sha256: string;
  from: number;
  to: number;
  outcome: string;
}

export type RolloutRegion = Virtual & Awaited<ReturnType<typeof extend>>;

/** The virtual region with what rollouts are asked about: who moved with whom, and what `status` has been. */
export async function rolloutRegion(options: VirtualOptions = {}): Promise<RolloutRegion> {
  const region = await virtualRegion(options);
  return Object.assign(region, await extend(region));
}

async function extend(region: Virtual) {
  const { world, hosts, applications } = region;
  const parameters = world.parameters.service.operations;
  const moves: Move[] = [];
  const letters = new Map<string, string>();
  watchHosts(region, moves, letter);

  /** The first config that a host was given is A, the next B, and so on. */
  function letter(sha256: string | null | undefined): string {
    if (sha256 === null || sha256 === undefined) return 'nothing';
    const known = letters.get(sha256) ?? String.fromCharCode(65 + letters.size);
    letters.set(sha256, known);
    return known;
  }

  function history(fleet = 'demo'): Status[] {
    const input = { Name: `/shoal-state/${fleet}/status` };
    const found = parameters.GetParameterHistory?.(input, caller) as { Parameters: { Value: string }[] };
    return found.Parameters.map(({ Value }) => JSON.parse(Value));
  }

  function put(fleet: string, name: string, value: string) {
    const input = { Name: `/shoal/${fleet}/${name}`, Value: value, Overwrite: true };
    try {
      parameters.PutParameter?.(input, caller);
    } catch {
      parameters.PutParameter?.({ ...input, Type: 'String' }, caller);
    }
  }

  const group = (name = 'shoal-demo') => world.autoscaling.group(name)?.members ?? [];
  const machine = (id: string) => hosts.machines.get(id);

  return {
    moves,
    letter,
    put,
    group,
    /** Which of them are there, by letter; one is enough where all are the same. */
    running: (name?: string) =>
      group(name)
        .map(({ instanceId }) => letter(machine(instanceId)?.running))
        .sort()
        .join(''),
    /** What `status` has been, oldest first: `A → B` rolls out, `A ← B` goes back, `A, not B` rejects. */
    story: (fleet?: string) => history(fleet).map((status) => tell(status, letter)),
    statusOf: (fleet: string): Status | null => {
      try {
        return history(fleet).at(-1) ?? null;
      } catch {
        return null;
      }
    },
    /** Moves to this config, those that overlap in time together, as instance ids. */
    waves: (sha256: string): string[][] => together(moves.filter((move) => move.sha256 === sha256)),
    remove: (name: string) => world.parameters.delete(name),
    /** Every function is started anew at its next event, as after a deployment. */
    restartFunctions() {
      for (const name of ['admit', 'drain', 'reconcile']) applications.functions.change(`shoal-${name}`, {});
    },
    addFleet(FleetName: string, DesiredCapacity: number) {
      applications.stacks.deploy(FleetName, readTemplate(readFileSync('infra/fleet.yml', 'utf8')), {
        FleetName,
        VpcId: 'vpc-1',
        SubnetIds: 'subnet-a,subnet-c,subnet-d',
        ClientCidrs: '172.31.0.0/24',
        RouteTableIds: 'rtb-1',
        MinSize: '0',
        MaxSize: '20',
        DesiredCapacity: String(DesiredCapacity),
      });
    },
    pass: (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1_000),
  };
}

function watchHosts({ hosts }: Virtual, moves: Move[], seen: (sha256: string) => void) {
  const { launch } = hosts;
  hosts.launch = async (instance) => {
    const host = await launch(instance);
    const { instanceId: id, zone } = instance as { instanceId: string; zone: string };
    return {
      ...host,
      run: async (command) => {
        const { mode, sha256 = '' } = command.parameters;
        // A second run may ask for what is under way already: that is the same move.
        const isOpen = moves.some((it) => it.id === id && it.sha256 === sha256 && it.to > Date.now());
        const isMove = mode === 'apply' && hosts.machines.get(id)?.running !== sha256 && !isOpen;
        const move = { id, zone, sha256, from: Date.now(), to: Number.POSITIVE_INFINITY, outcome: '' };
        if (isMove) moves.push(move);
        if (isMove) seen(sha256);
        const result = await host.run(command);
        move.to = Date.now();
        if (result.stdout !== '') move.outcome = JSON.parse(result.stdout).outcome;
        return result;
      },
    };
  };
}

function tell({ live, rollout, rejected }: Status, letter: (sha256: string | undefined) => string): string {
  const is = letter(live?.sha256);
  if (rollout !== undefined && rollout.sha256 === rejected?.sha256)
    return `${is} ← ${letter(rollout.sha256)}`;
  const not = rejected === undefined ? '' : `, not ${letter(rejected.sha256)}`;
  return `${is}${rollout === undefined ? '' : ` → ${letter(rollout.sha256)}`}${not}`;
}

function together(moves: Move[]): string[][] {
  const waves: string[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const { id, from, to } of moves.toSorted((a, b) => a.from - b.from)) {
    if (from >= end) waves.push([]);
    waves.at(-1)?.push(id);
    end = Math.max(end, to);
  }
  return waves;
}
