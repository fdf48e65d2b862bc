import type { Client } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import { isSynthetic } from "@sagacart/outbox/events/synthetic-order";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { ingest, webhookCursor } from "./intake.ts";

export type ReadingOptions = {
  pool: Pool;
  log: Log;
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** Called when deliveries were recorded. */
  onDeliveries: () => void;
};

/** Reads the feed of orders for webhooks, independently of the messages to customers. */
export function startReading({ onDeliveries, ...options }: ReadingOptions): AsyncDisposable {
  return startEventConsumer<number>({
    ...options,
    name: "webhooks",
    cursor: webhookCursor,
    skip: isSynthetic,
    take: ingest,
    onTaken(count) {
      if (count > 0) {
        onDeliveries();
      }
    },
  });
}
