import type { Client } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/log";
import { startLoop } from "@sagacart/chassis/loop";
import type { Pool } from "@sagacart/chassis/postgres";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { readCursor, type Skipped, takeIn } from "./intake.ts";
import { kinds } from "./kind.ts";
import { takeLead } from "./lead.ts";

export type ReadingOptions = {
  pool: Pool;
  log: Log;
  events: Client<typeof EventService>;
  /** Called when messages may have come. */
  onMessages: () => void;
  onSkipped: (count: number) => void;
  /** How old an event may be, in days, for somebody to be told of it. */
  tellDays: number;
  /** How often to look whether the process that reads is gone. */
  standbyMs?: number;
};

/**
 * Reads the feed of orders, from where it was left. Of several processes one reads; the others stand by. The cursor
 * alone keeps two from taking in the same event; that only one reads spares the feed.
 */
export function startReading({ standbyMs = 1_000, ...options }: ReadingOptions): AsyncDisposable {
  return startLoop({
    name: "order-feed",
    log: options.log,
    async run(signal) {
      const lead = await takeLead(options.pool, "sagacart.notifier.order-feed");
      if (lead === undefined) {
        return { waitMs: standbyMs };
      }
      try {
        await read(options, AbortSignal.any([signal, lead.lost]));
      } finally {
        lead.give();
      }
      // A feed has no end; one that ends all the same is not asked in a hurry.
      return { waitMs: 100 };
    },
  });
}

async function read(options: ReadingOptions, signal: AbortSignal): Promise<void> {
  const { pool, log, events, onMessages, onSkipped, tellDays } = options;
  const afterPosition = await readCursor(pool);
  const pages = events.subscribeEvents({ afterPosition, types: kinds.map(({ eventType }) => eventType) }, { signal });
  for await (const page of pages) {
    const skipped = await takeIn(pool, page, new Date(Date.now() - tellDays * 86_400_000));
    report(log, skipped);
    onSkipped(skipped.length);
    onMessages();
  }
}

function report(log: Log, skipped: readonly Skipped[]): void {
  for (const { event, reason } of skipped) {
    const { id, type, position } = event;
    log.error({ eventId: id, type, position: String(position), reason }, "an event could not be understood");
  }
}
