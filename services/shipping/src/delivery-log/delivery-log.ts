import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import { isSynthetic } from "@sagacart/outbox/events/synthetic-order";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { Event } from "@sagacart/proto/event/v1/event";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { type Claim, type Delivery, insertDeliveries, moveClaimed } from "./delivery-log-store.ts";

/**
 * Logs each completed order, as a row in the delivery log and a line in the process's log. It is a consumer of the order
 * feed with a position of its own, and catches up after a pause. A guest's order that a customer claimed, which comes
 * later in the feed, takes its shipment and its row along.
 *
 * The row is written once, in the transaction that moves the position; a replay adds only the rows that are missing. The
 * line is written after that, so a process that dies in between leaves a row without one.
 */
export function startDeliveryLog(options: {
  pool: Pool;
  log: Log;
  /** The feed of orders, and its consumers. */
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** How often another process tries to take over, and how often the position is reported to the feed. */
  standbyMs?: number;
  reportMs?: number;
}): AsyncDisposable {
  const { log } = options;
  return startEventConsumer<readonly Delivery[]>({
    ...options,
    name: "shipping.delivery-log",
    cursor: eventCursor({ table: "cursors", feed: "order" }),
    types: [completed, claimed],
    skip: isSynthetic,
    async take(tx, events) {
      const deliveries = events.filter(({ type }) => type === completed).map(readDelivery);
      const inserted = deliveries.length === 0 ? [] : await insertDeliveries(tx, deliveries);
      const claims = events.filter(({ type }) => type === claimed).map(readClaim);
      if (claims.length > 0) {
        await moveClaimed(tx, claims);
      }
      return inserted;
    },
    onTaken(deliveries) {
      for (const { orderId, trackingNumber } of deliveries) {
        log.info({ orderId, trackingNumber }, "an order goes to its customer");
      }
    },
  });
}

const completed = "sagacart.order.completed.v1";
const claimed = "sagacart.order.claimed.v1";

/** Reads a text out of an event's data; "" if it is missing. */
function readerOf({ data }: Event): (name: string) => string {
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(Object(JSON.parse(data))));
  return (name) => {
    const value = fields.get(name);
    return typeof value === "string" ? value : "";
  };
}

function readClaim(event: Event): Claim {
  const text = readerOf(event);
  return { orderId: event.subject, customerId: text("customerId"), guestCustomerId: text("guestCustomerId") };
}

/** Reads a delivery out of an event. A missing field stays empty: a strange event must not hold up the others. */
function readDelivery(event: Event): Delivery {
  const { id, subject, time } = event;
  const text = readerOf(event);
  return {
    orderId: subject,
    eventId: id,
    customerId: text("customerId"),
    trackingNumber: text("trackingNumber"),
    completeTime: time === undefined ? new Date() : timestampDate(time),
  };
}
