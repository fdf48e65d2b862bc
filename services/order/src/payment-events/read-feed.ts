import type { Client } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { paymentEventTypes } from "./payment-event.ts";
import { type Recorded, recordPaymentEvents } from "./record-events.ts";

/** The payment service's feed, and its consumers. */
export type PaymentFeed = {
  readonly events: Client<typeof EventService>;
  readonly consumers: Client<typeof ConsumerService>;
};

/**
 * Reads the payment service's feed, so that each order hears of every refund and dispute of its payment, whoever asked for
 * it. It is a consumer with a position of its own, and catches up after a pause.
 */
export function startPaymentEvents({
  changed,
  ...options
}: PaymentFeed & {
  pool: Pool;
  log: Log;
  /** Called with the orders that were changed. */
  changed: (orderIds: ReadonlySet<string>) => void;
  standbyMs?: number;
  reportMs?: number;
}): AsyncDisposable {
  const { log } = options;
  return startEventConsumer<Recorded>({
    ...options,
    name: "order.payments",
    cursor: eventCursor({ table: "cursors", feed: "payment" }),
    types: paymentEventTypes,
    take: recordPaymentEvents,
    onTaken({ changed: orderIds, skipped }) {
      for (const { event, reason } of skipped) {
        const { id, type, position, subject: paymentId } = event;
        log.error(
          { eventId: id, type, position: String(position), paymentId, reason },
          "an event of a payment could not be recorded with its order; it was left out",
        );
      }
      if (orderIds.size > 0) {
        changed(orderIds);
      }
    },
  });
}
