import type { Client } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { takeLead } from "@sagacart/chassis/lead";
import type { Log } from "@sagacart/chassis/log";
import { startLoop } from "@sagacart/chassis/loop";
import type { Pool } from "@sagacart/chassis/postgres";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { type Cursor, readCursor, takeIn } from "./intake.ts";

/** What the feed knows this reader by. */
export const consumerName = "webhooks";

export type ReadingOptions = {
  pool: Pool;
  log: Log;
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** Called when there may be something to send. */
  onDeliveries: () => void;
};

/**
 * Reads the feed of orders for the endpoints, from where it was left, whether or not the messages to customers get on.
 * Of several processes one reads; the others stand by. The cursor is ours; the feed is told of it, and may set it back.
 */
export function startReading(options: ReadingOptions): AsyncDisposable {
  return startLoop({
    name: "webhook-feed",
    log: options.log,
    async run(signal) {
      const lead = await takeLead(options.pool, "sagacart.notifier.webhook-feed");
      if (lead === undefined) {
        return { waitMs: 1_000 };
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

async function read(
  { pool, log, events, consumers, onDeliveries }: ReadingOptions,
  signal: AbortSignal,
): Promise<void> {
  const tell = (cursor: Cursor) => acknowledge(consumers, cursor, signal);
  // The first one makes the consumer.
  await tell(await readCursor(pool));
  const report = lastOnly(tell, (error) => {
    if (!signal.aborted) {
      log.warn({ error }, "the feed of orders could not be told how far the webhooks are");
    }
  });
  for await (const page of events.subscribeEvents({ consumer: consumerName }, { signal })) {
    if ((await takeIn(pool, page)) > 0) {
      onDeliveries();
    }
    report({ position: page.nextPosition, generation: page.generation });
  }
}

async function acknowledge(consumers: Client<typeof ConsumerService>, cursor: Cursor, signal: AbortSignal) {
  try {
    await consumers.commitPosition({ name: consumerName, ...cursor }, { signal });
  } catch (error) {
    // It was set back: the subscription begins there, or goes on there.
    if (errorInfo(error).reason !== "CONSUMER_REPLAYED") {
      throw error;
    }
  }
}

/** Calls `fn` one after the other, with the last value only of those that came meanwhile. */
function lastOnly<T>(fn: (value: T) => Promise<void>, onError: (error: unknown) => void): (value: T) => void {
  let waiting: { value: T } | undefined;
  let busy = false;
  const go = async () => {
    busy = true;
    for (let next = waiting; next !== undefined; next = waiting) {
      waiting = undefined;
      await fn(next.value).catch(onError);
    }
    busy = false;
  };
  return (value) => {
    waiting = { value };
    if (!busy) {
      void go(); // It catches what it calls.
    }
  };
}
