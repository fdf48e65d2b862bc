import type { Client } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import { isSynthetic } from "@sagacart/outbox/events/synthetic-order";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { notifiedTypes } from "../messages/kind.ts";
import { claimed, type Ingested, ingest, orderCursor } from "./intake.ts";
import type { Skipped } from "./skipped-store.ts";

export type ReadingOptions = {
  pool: Pool;
  log: Log;
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** Called when messages may have been recorded. */
  onMessages: () => void;
  onSkipped: (count: number) => void;
  /** Events older than this, in days, make no messages. */
  maxAgeDays: number;
  /** The mail addresses of the shop's operators. */
  operators: readonly string[];
  /** False: a registered address that was not verified gets no mail. */
  mailsUnverified: boolean;
};

/**
 * Reads the feed of orders from the cursor, which an operator may set back. Of several processes one reads and the others
 * stand by: the cursor would keep two from ingesting the same event, but reading once spares the feed.
 */
export function startReading({
  onMessages,
  onSkipped,
  maxAgeDays,
  operators,
  mailsUnverified,
  ...options
}: ReadingOptions): AsyncDisposable {
  return startEventConsumer<Ingested>({
    ...options,
    name: "notifier",
    cursor: orderCursor,
    types: [...notifiedTypes, claimed],
    skip: isSynthetic,
    take(tx, events) {
      const since = new Date(Date.now() - maxAgeDays * 86_400_000);
      return ingest(tx, events, { since, operators, mailsUnverified });
    },
    onTaken({ notified, skipped }) {
      for (const { id, type, subject } of notified) {
        options.log.info({ eventId: id, type, subject }, "recorded messages for an event");
      }
      report(options.log, skipped);
      onSkipped(skipped.length);
      onMessages();
    },
  });
}

function report(log: Log, skipped: readonly Skipped[]): void {
  for (const { event, reason } of skipped) {
    const { id, type, position } = event;
    log.error({ eventId: id, type, position: String(position), reason }, "skipped an event that could not be read");
  }
}
