import type { Client } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/log";
import { startLoop } from "@sagacart/chassis/loop";
import type { Pool } from "@sagacart/chassis/postgres";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { readCursor, type Skipped, takeIn } from "./intake.ts";
import { templates } from "./templates.ts";

export type ReadingOptions = {
  pool: Pool;
  log: Log;
  events: Client<typeof EventService>;
  /** Called when messages may have come. */
  onMessages: () => void;
  onSkipped: (count: number) => void;
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
      const lead = await takeLead(options.pool);
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

async function read({ pool, log, events, onMessages, onSkipped }: ReadingOptions, signal: AbortSignal): Promise<void> {
  const afterPosition = await readCursor(pool);
  const pages = events.subscribeEvents({ afterPosition, types: Object.keys(templates) }, { signal });
  for await (const page of pages) {
    const skipped = await takeIn(pool, page);
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

type Lead = { readonly lost: AbortSignal; give(): void };

/** An advisory lock: it is held by a connection, and goes with it. */
async function takeLead(pool: Pool): Promise<Lead | undefined> {
  const client = await pool.connect();
  const lost = new AbortController();
  const onEnd = () => lost.abort(new Error("the connection that held the lead is lost"));
  client.on("end", onEnd);
  let leads = false;
  try {
    const { rows } = await client.query<{ leads: boolean }>(
      "select pg_try_advisory_lock(hashtext('sagacart.notifier.order-feed')) as leads",
    );
    leads = rows[0]?.leads ?? false;
  } finally {
    if (!leads) {
      client.off("end", onEnd);
      client.release();
    }
  }
  return leads
    ? {
        lost: lost.signal,
        give() {
          client.off("end", onEnd);
          // Ends the connection, and the lock with it.
          client.release(true);
        },
      }
    : undefined;
}
