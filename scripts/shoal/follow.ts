import type { Ended } from '../../shared/control/run.ts';
import type { FleetReport } from '../../shared/control/status.ts';
import type { Operator } from './operator.ts';
import { createProgress } from './progress.ts';

/** How a run ended, and for a rollback the sha256 that it went back to. */
export type Answer = Ended & { to?: string };

const pollMs = 1_500;
/** A rollout with long soaks outlives the function that began it: the sweeps go on. */
const followMs = 3_600_000;

/**
 * Has something done, and shows how far it is until it ends. Resolves to the answer, and to what the fleet says
 * of itself afterwards.
 */
export async function follow(
  operator: Operator,
  order: { fleet: string; mode: string },
  stream: NodeJS.WriteStream,
): Promise<{ ended: Answer; report: FleetReport }> {
  const { fleet } = order;
  const until = Date.now() + followMs;
  const progress = createProgress(stream);
  // Handled at once, since it may fail while something else is awaited.
  const over = operator.order<Answer>(order).then(
    (ended) => ({ ended, error: null }),
    (error: Error) => ({ ended: null, error }),
  );
  try {
    for (let waitMs = pollMs; ; ) {
      const answer = await Promise.race([over, pause(waitMs)]);
      if (answer?.error) throw answer.error;
      const asked = Date.now();
      const report = await operator
        .ask<FleetReport>({ fleet, mode: 'status' })
        .catch((error: Error) => error);
      // A large fleet takes longer to answer, and is not asked all the time.
      waitMs = Math.max(pollMs, Date.now() - asked);
      if (answer) {
        if (report instanceof Error) throw report;
        if (!answer.ended.unfinished || report.rollout === null) return { ended: answer.ended, report };
        if (Date.now() > until)
          throw new Error('not over after an hour: it goes on by itself, and status says how far it is');
        await pause(waitMs);
      }
      progress.show(report);
    }
  } finally {
    progress.end();
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined));
}
