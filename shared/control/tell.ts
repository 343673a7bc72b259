import type { Act, Observed, Step } from '../decisions/model.ts';
import { type Notice, noticesOfActs, noticesOfHeld } from '../decisions/notices.ts';
import type { Engine } from './engine.ts';

/** What one run tells others on the bus, beside its work. */
export interface Teller {
  /** Of what has just been done. */
  acts(observed: Observed, acts: Act[]): void;
  /** Of launches that are held: an event's handler at once, and once. */
  look(observed: Observed, steps: Step[]): void;
  /** Until all of it is sent or given up. A sweep tells of held launches here, when all have been tried. */
  done(): Promise<void>;
}

/** A notice that can't be sent stands in the log, and holds no work up. */
export function teller({ aws, askMs, prefix, log, clock }: Engine): Teller {
  const since = clock.now();
  const under: Promise<void>[] = [];
  /** Why each launch is held, as it was seen last: while it is tried again, or beats, it still is. */
  const held = new Map<string, string>();
  let seen: Observed | null = null;
  let isTold = false;
  const send = (notices: Notice[]) => {
    if (notices.length === 0) return;
    const lost = ({ event, reason }: { event: Notice; reason: string }) =>
      log('a notice could not be sent', { reason, notice: event.detail.text });
    const all = (error: unknown) => notices.map((event) => ({ event, reason: String(error) }));
    under.push(
      aws
        .notify(notices)
        .catch(all)
        .then((refused) => refused.forEach(lost)),
    );
  };
  const tellHeld = (observed: Observed) => {
    const notices = noticesOfHeld(observed, held, { askMs, since, prefix });
    isTold ||= notices.length > 0;
    send(notices);
  };
  return {
    acts: (observed, acts) => send(noticesOfActs(observed, acts, prefix)),
    look: (observed, steps) => {
      seen = observed;
      for (const step of steps) note(held, step);
      if (observed.scope.kind === 'instance' && !isTold) tellHeld(observed);
    },
    done: async () => {
      if (seen !== null && !isTold) tellHeld(seen);
      await Promise.all(under);
    },
  };
}

function note(held: Map<string, string>, step: Step): void {
  if (step.instance === null) return;
  if (step.step === 'wait' && step.held) held.set(step.instance, step.reason);
  else if (step.step === 'register' || step.step === 'complete') held.delete(step.instance);
}
