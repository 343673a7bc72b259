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
  const client = new EventBridgeClient(config);
  return async (events) => {
    for (const batch of batches(events, limits.noticesMax))
      await doing(`sending ${batch.map(({ type }) => type).join(', ')}`, async () => {
        const Entries = batch.map(({ type, detail }) => ({
          ...{ Source, DetailType: type, Detail: JSON.stringify(detail) },
        }));
        const { FailedEntryCount = 0, Entries: answers = [] } = await client.send(
          new PutEventsCommand({ Entries }),
        );
        if (FailedEntryCount === 0) return;
        const refused = answers.flatMap(({ ErrorCode, ErrorMessage }) =>
          ErrorCode === undefined ? [] : [`${ErrorCode}: ${ErrorMessage}`],
        );
        throw new Error(`${FailedEntryCount} of ${batch.length} not taken: ${refused.join('; ')}`);
      });
  };
}
