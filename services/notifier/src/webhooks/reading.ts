import type { Client } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/log";
import { startLoop } from "@sagacart/chassis/loop";
import type { Pool } from "@sagacart/chassis/postgres";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { takeLead } from "../lead.ts";
import { readCursor, takeIn } from "./intake.ts";

/**
 * Reads the feed of orders for the endpoints, from where it was left, whether or not the messages to customers get on.
 * Of several processes one reads; the others stand by.
 */
export function startReading({
  pool,
  log,
  events,
  onDeliveries,
}: {
  pool: Pool;
  log: Log;
  events: Client<typeof EventService>;
  /** Called when there may be something to send. */
  onDeliveries: () => void;
}): AsyncDisposable {
  return startLoop({
    name: "webhook-feed",
    log,
    async run(signal) {
      const lead = await takeLead(pool, "sagacart.notifier.webhook-feed");
      if (lead === undefined) {
        return { waitMs: 1_000 };
      }
      try {
        const afterPosition = await readCursor(pool);
        const ended = AbortSignal.any([signal, lead.lost]);
        for await (const page of events.subscribeEvents({ afterPosition }, { signal: ended })) {
          if ((await takeIn(pool, page)) > 0) {
            onDeliveries();
          }
        }
      } finally {
        lead.give();
      }
      return { waitMs: 100 };
    },
  });
}
