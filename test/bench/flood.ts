import { execFileSync } from 'node:child_process';
import type { Figure } from './figure.ts';
import { failures } from './flood-connection.ts';
import { type FloodResult, floodFleet } from './flood-fleet.ts';
import { type FloodClients, type FloodCounts, failed, kinds } from './flood-plan.ts';

const rolloutCount = 20;
const clients: FloodClients = {
  clients: { fresh: 16, connect: 6, 'keep-alive': 12, tunnel: 12 },
  visitors: 6,
  // The processors also carry the Squids, the operator and the region: a flood that starved the balancer's
  // health checks would have its own flows reset by it.
  pauseMs: { fresh: 20, connect: 40, 'keep-alive': 40, tunnel: 100 },
};

/** Failed requests and broken tunnels over 20 rollouts, 10 scale-outs and 10 scale-ins of four real Squids. */
export async function flood(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [processors, words] of [
    ['0,1', 'two processors'],
    ['0', 'one processor'],
  ] as const) {
    // What is started from here inherits it.
    const taskset = ['--all-tasks', '--cpu-list', '--pid', processors, String(process.pid)];
    execFileSync('taskset', taskset, { stdio: 'ignore' });
    console.log(`The flood on ${words}:`);
    const result = await floodFleet({
      port: 4614,
      rollouts: rolloutCount,
      capacity: 4,
      clients,
      progress: (done, seconds, counts) => console.log(progressLine(done, seconds, counts)),
    });
    console.log(floodTable(result));
    const { counts, revoked } = result;
    const how = kinds.map((kind) => `${counts.kinds[kind].served} ${kind}`).join(', ');
    const count = { unit: 'failures', target: 0 } as const;
    figures.push({ ...count, what: `flood on ${words}`, measured: total(counts), how });
    const left = revoked.opened - revoked.closed;
    const of = `of ${revoked.opened}, each open when its network was removed`;
    figures.push({ ...count, what: `revoked tunnels left open on ${words}`, measured: left, how: of });
  }
  return figures;
}

export function total({ kinds: counted }: FloodCounts): number {
  return kinds.reduce((sum, kind) => sum + failed(counted[kind]), 0);
}

function progressLine(done: number, seconds: number, counts: FloodCounts): string {
  const served = kinds.reduce((sum, kind) => sum + counts.kinds[kind].served, 0);
  const time = `${Math.round(seconds)} s`.padStart(7);
  return `${time}  rollout ${done + 1} of ${rolloutCount}  ${served} served  ${total(counts)} failed`;
}

/** What was counted, for people: at most 80 columns, but for the examples of failures. */
export function floodTable({ counts, ...rest }: FloodResult): string {
  const columns = ['served', ...failures, 'slowest'];
  const row = (name: string, cells: unknown[]) =>
    name.padEnd(10) + cells.map((cell) => String(cell).padStart(9)).join('');
  const { rollouts, scaleOuts, scaleIns, seconds, revoked, unhealthy } = rest;
  return [
    row('', columns),
    ...kinds.map((kind) => {
      const count = counts.kinds[kind];
      return row(kind, [count.served, ...failures.map((it) => count[it]), `${count.slowestMs} ms`]);
    }),
    `${rollouts} rollouts, ${scaleOuts} scale-outs, ${scaleIns} scale-ins in ${Math.round(seconds)} s`,
    `tunnels: ${counts.held} held from first to last; ${counts.endedByClient} visits ended by their client`,
    `keep-alive: ${counts.announced} closed after an answer that said so; ` +
      `${counts.closedBetweenRequests} without a word`,
    `revoked: ${revoked.closed} of ${revoked.opened} tunnels of a removed network closed`,
    `targets that turned unhealthy meanwhile: ${unhealthy}`,
    ...counts.examples,
  ].join('\n');
}
