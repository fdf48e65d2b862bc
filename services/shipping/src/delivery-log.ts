import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { Event } from "@sagacart/proto/event/v1/event";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { isSynthetic } from "./synthetic-order.ts";

/**
 * Keeps a log of the orders that were completed: a row each, and a line in the log. It reads the feed of orders by
 * itself, whether or not anybody else does; after a pause it catches up.
 *
 * The row is written once, with the cursor; reading the feed again adds what is missing and nothing else. The line is
 * written after that: a process that dies in between leaves a row without one.
 */
export function startDeliveryLog(options: {
  pool: Pool;
  log: Log;
  /** The feed of orders, and who reads it. */
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** How often to look whether the process that reads is gone, and to tell the feed. */
  standbyMs?: number;
  reportMs?: number;
}): AsyncDisposable {
  const { log } = options;
  return startEventConsumer<readonly Delivery[]>({
    ...options,
    name: "shipping.delivery-log",
    cursor: eventCursor({ table: "cursors", feed: "order" }),
    types: ["sagacart.order.completed.v1"],
    skip: isSynthetic,
    take: async (tx, events) => await write(tx, events.map(readDelivery)),
    onTaken(deliveries) {
      for (const { orderId, trackingNumber } of deliveries) {
        log.info({ orderId, trackingNumber }, "an order goes to its customer");
      }
    },
  });
}

type Delivery = {
  readonly orderId: string;
  readonly eventId: string;
  readonly customerId: string;
  readonly trackingNumber: string;
  readonly completeTime: Date;
};

/** What the event tells; what it does not tell stays empty, for a strange event must not hold up the others. */
function readDelivery({ id, subject, time, data }: Event): Delivery {
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(Object(JSON.parse(data))));
  const text = (name: string) => {
    const value = fields.get(name);
    return typeof value === "string" ? value : "";
  };
  return {
    orderId: subject,
    eventId: id,
    customerId: text("customerId"),
    trackingNumber: text("trackingNumber"),
    completeTime: time === undefined ? new Date() : timestampDate(time),
  };
}

/** Answers those that were not there yet. */
async function write(tx: Transaction, deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
  const { rows } = await tx.query<{ order_id: string }>({
    name: "log-deliveries",
    text: `insert into delivery_log (order_id, event_id, customer_id, tracking_number, complete_time)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
           on conflict (order_id) do nothing returning order_id`,
    values: [
      deliveries.map(({ orderId }) => orderId),
      deliveries.map(({ eventId }) => eventId),
      deliveries.map(({ customerId }) => customerId),
      deliveries.map(({ trackingNumber }) => trackingNumber),
      deliveries.map(({ completeTime }) => completeTime),
    ],
  });
  const written = new Set(rows.map(({ order_id }) => order_id));
  return deliveries.filter(({ orderId }) => written.has(orderId));
}
