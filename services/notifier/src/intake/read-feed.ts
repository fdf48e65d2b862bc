import type { Client } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { kinds } from "../messages/kind.ts";
import { orderCursor, type Skipped, type TakenIn, takeIn } from "./intake.ts";
import { isSynthetic } from "./synthetic-order.ts";

export type ReadingOptions = {
  pool: Pool;
  log: Log;
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** Called when messages may have come. */
  onMessages: () => void;
  onSkipped: (count: number) => void;
  /** How old an event may be, in days, for somebody to be told of it. */
  tellDays: number;
};

/**
 * Reads the feed of orders, from where it was left, or where an operator has set it back to. Of several processes one
 * reads; the others stand by. The cursor alone keeps two from taking in the same event; that only one reads spares the
 * feed.
 */
export function startReading({ onMessages, onSkipped, tellDays, ...options }: ReadingOptions): AsyncDisposable {
  return startEventConsumer<TakenIn>({
    ...options,
    name: "notifier",
    cursor: orderCursor,
    types: kinds.map(({ eventType }) => eventType),
    skip: isSynthetic,
    take: (tx, events) => takeIn(tx, events, new Date(Date.now() - tellDays * 86_400_000)),
    onTaken({ told, skipped }) {
      for (const { id, type, subject } of told) {
        options.log.info({ eventId: id, type, subject }, "a customer is told of an event");
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
    log.error({ eventId: id, type, position: String(position), reason }, "an event could not be understood");
  }
}
