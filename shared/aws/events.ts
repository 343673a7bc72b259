import {
  EventBridgeClient,
  type EventBridgeClientConfig,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge';
import { limits } from '../runtime/limits.ts';
import { batches } from './pages.ts';

interface Event {
  type: string;
  detail: object;
}

/** Puts events on the default bus. Answers with those that were not taken, each with AWS's reason. */
export type Notify = <E extends Event>(events: E[]) => Promise<{ event: E; reason: string }[]>;

/** In a file of its own, so that a function that says nothing starts without this client. */
export function notifier(config: EventBridgeClientConfig, Source: string): Notify {
  // Most invocations have nothing to say, and a client takes time to make.
  let client: EventBridgeClient | undefined;
  return async (events) => {
    client ??= new EventBridgeClient(config);
    const refused = [];
    for (const batch of batches(events, limits.noticesMax)) {
      const reasons = await put(client, batch, Source);
      for (const [at, event] of batch.entries()) {
        const reason = reasons[at];
        if (reason !== undefined) refused.push({ event, reason });
      }
    }
    return refused;
  };
}

/** Why each of the events was not taken, in their order; undefined for one that was. */
async function put(
  client: EventBridgeClient,
  events: Event[],
  Source: string,
): Promise<(string | undefined)[]> {
  const Entries = events.map(({ type, detail }) => ({
    ...{ Source, DetailType: type, Detail: JSON.stringify(detail) },
  }));
  try {
    const { Entries: results = [] } = await client.send(new PutEventsCommand({ Entries }));
    return results.map(({ ErrorCode, ErrorMessage }) => ErrorCode && `${ErrorCode}: ${ErrorMessage}`);
  } catch (error) {
    return events.map(() => String(error));
  }
}
