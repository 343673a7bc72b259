import type { Act, Observed, Step } from '../decisions/model.ts';
import { type Notice, noticesOfActs, noticesOfHeld } from '../decisions/notices.ts';
import type { Engine } from './engine.ts';

/** What one run tells others on the bus, beside its work. */
export interface Teller {
  /** Of what has just been done. */
  acts(observed: Observed, acts: Act[]): void;
  /** Of launches that are held; once for each of them. */
  look(observed: Observed, steps: Step[]): void;
  /** Until all of it is sent or given up. */
  done(): Promise<void>;
}

/** A notice that can't be sent stands in the log, and holds no work up. */
export function teller({ aws, askMs, prefix, log, clock }: Engine): Teller {
  const since = clock.now();
  const under: Promise<void>[] = [];
  const held = new Set<string>();
  const send = (notices: Notice[]) => {
    if (notices.length === 0) return;
    const failed = (error: unknown) =>
      log('a notice could not be sent', {
        reason: String(error),
        notices: notices.map(({ detail }) => detail.text),
      });
    under.push(aws.notify(notices).catch(failed));
  };
  return {
    acts: (observed, acts) => send(noticesOfActs(observed, acts, prefix)),
    look: (observed, steps) => {
      const news = noticesOfHeld(observed, steps, { askMs, since, prefix }).filter(
        ({ detail }) => !held.has(detail.instance ?? ''),
      );
      for (const { detail } of news) held.add(detail.instance ?? '');
      send(news);
    },
    done: async () => void (await Promise.all(under)),
  };
}
