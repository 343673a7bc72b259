import {
  EventBridgeClient,
  type EventBridgeClientConfig,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge';
import { limits } from '../runtime/limits.ts';
import { doing } from './errors.ts';
import { batches } from './pages.ts';

/** Puts events on the default bus. Rejects where one of them was not taken, with AWS's reason. */
export type Notify = (events: { type: string; detail: object }[]) => Promise<void>;

/** In a file of its own, so that a function that says nothing starts without this client. */
export function notifier(config: EventBridgeClientConfig, Source: string): Notify {
  // Most invocations have nothing to say, and a client takes time to make.
  let client: EventBridgeClient | undefined;
  return async (events) => {
    client ??= new EventBridgeClient(config);
    for (const batch of batches(events, limits.noticesMax)) await put(client, batch, Source);
  };
}

async function put(client: EventBridgeClient, events: Parameters<Notify>[0], Source: string): Promise<void> {
  await doing(`sending ${events.map(({ type }) => type).join(', ')}`, async () => {
    const Entries = events.map(({ type, detail }) => ({
      ...{ Source, DetailType: type, Detail: JSON.stringify(detail) },
    }));
    const answer = await client.send(new PutEventsCommand({ Entries }));
    const { FailedEntryCount = 0, Entries: results = [] } = answer;
    if (FailedEntryCount === 0) return;
    const refused = results.flatMap(({ ErrorCode, ErrorMessage }) =>
      ErrorCode === undefined ? [] : [`${ErrorCode}: ${ErrorMessage}`],
    );
    throw new Error(`${FailedEntryCount} of ${events.length} not taken: ${refused.join('; ')}`);
  });
}
