import { count, cut } from '../../shared/control/columns.ts';
import type { FleetReport } from '../../shared/control/status.ts';
import { plain } from '../../shared/fleet/plain.ts';

/** Shows a rollout by its waves: a line for each change; on a terminal the newest line changes in place. */
export function createProgress(stream: NodeJS.WritableStream & { isTTY?: boolean }) {
  const began = Date.now();
  const told = new Map<string, string>();
  let open: string | null = null;

  function tell(wave: string, text: string): void {
    const line = cut(`${String(Math.round((Date.now() - began) / 1000)).padStart(5)} s  ${plain(text)}`);
    if (!stream.isTTY) stream.write(`${line}\n`);
    else stream.write(`${open === null ? '' : open === wave ? '\r\u001b[K' : '\n'}${line}`);
    told.set(wave, text);
    open = wave;
  }

  return {
    show(report: FleetReport | Error): void {
      for (const [wave, text] of linesOf(report)) if (told.get(wave) !== text) tell(wave, text);
    },
    /** Leaves the line that changes in place. */
    end(): void {
      if (open !== null && stream.isTTY) stream.write('\n');
      open = null;
    },
  };
}

/** The waves that are done and the one under way, or the fleet's own line where there are none. */
function linesOf(report: FleetReport | Error): [wave: string, text: string][] {
  if (report instanceof Error) return [['', `its status cannot be read: ${report.message}`]];
  const { waves, says } = report;
  if (waves.length === 0) return [['', says]];
  const current = waves.findIndex(({ state }) => state !== 'done');
  const shown = current < 0 ? waves : waves.slice(0, current + 1);
  return shown.map(({ name, state, reason, instances }) => [
    name,
    `${name.padEnd(8)}${state.padEnd(8)}${count(instances.length, 'instance')}, ${reason}`,
  ]);
}
