import { setTimeout } from "node:timers/promises";
import type { Client } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { takeLead } from "@sagacart/chassis/postgres/leader-lock";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { inSpan, startConsumer } from "@sagacart/chassis/trace/trace";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { Event } from "@sagacart/proto/event/v1/event";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import type { EventCursor, Place } from "./cursor-store.ts";

export type EventConsumerOptions<T> = {
  /** Its name in the feed, for example `shipping.delivery-log`. */
  name: string;
  pool: Pool;
  log: Log;
  /** Its position in the feed, in the database that `take` writes to. */
  cursor: EventCursor;
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** Only events of these types; by default all. */
  types?: readonly string[];
  /** Returns true for events that `take` is not to get. */
  skip?(event: Event): boolean;
  /**
   * Handles events, in the transaction that moves the cursor. After a replay it gets events again, and decides whether they
   * have their effect again. An error rolls all of it back, and the events come again.
   */
  take(tx: Transaction, events: readonly Event[]): Promise<T>;
  /** Called with the result of `take` after the commit. Not called if the process dies in between. */
  onTaken?(taken: T): void;
  /** How often a standby process tries to become the reader, in ms; by default 1,000. */
  standbyMs?: number;
  /** How often to report the position to the feed, at most, in ms; by default 1,000. Without events, a fifth as often. */
  reportMs?: number;
};

/**
 * Reads a feed from the cursor's position on, for ever. Each event has its effect exactly once, and a subject's events come
 * in order, whatever crashes in between. Of several processes one reads, and the others stand by.
 *
 * The cursor in the consumer's own database is authoritative. It is reported to the feed, which shows the lag of all
 * consumers in one place. If an operator sets the consumer back there, the cursor goes back too.
 */
export function startEventConsumer<T>(options: EventConsumerOptions<T>): AsyncDisposable {
  const { name, pool, log, cursor, standbyMs = 1_000 } = options;
  return startLoop({
    name: `consumer ${name}`,
    log,
    async run(signal) {
      const lead = await takeLead(pool, `sagacart.consumer.${name}`);
      if (lead === undefined) {
        return { waitMs: standbyMs };
      }
      const leaving = new AbortController();
      const ended = AbortSignal.any([signal, lead.lost, leaving.signal]);
      try {
        const place = await cursor.read(pool);
        const reading = read(options, place, ended);
        const reporting = report(options, place, ended);
        try {
          await Promise.race([reading, reporting]);
        } finally {
          leaving.abort();
          await Promise.allSettled([reading, reporting]);
        }
      } finally {
        lead.give();
      }
      // It was set back, or the stream ended unexpectedly; a short pause keeps it from reconnecting in a tight loop.
      return { waitMs: 100 };
    },
  });
}

/** Reads and handles pages. Returns when the cursor is not where it left it: then it was set back. */
async function read<T>(options: EventConsumerOptions<T>, place: Place, signal: AbortSignal): Promise<void> {
  const { name, events, types = [], onTaken } = options;
  let after = place.position;
  for await (const page of events.subscribeEvents({ afterPosition: after, types: [...types] }, { signal })) {
    const span = startConsumer(
      `consume ${name}`,
      page.events.map(({ traceparent }) => traceparent),
    );
    const from = { position: after, generation: place.generation };
    const outcome = await inSpan(span, () => takePage(options, page, from));
    if (outcome === "elsewhere") {
      return;
    }
    after = page.nextPosition;
    if (outcome !== "nothing") {
      onTaken?.(outcome.taken);
    }
  }
}

/**
 * Handles a page that was read from `readFrom` on, and moves the cursor past it; events that another process has handled
 * meanwhile are left out. Returns "elsewhere" if the cursor is before `readFrom` or of another generation: then earlier
 * events are missing, or it was set back.
 */
export async function takePage<T>(
  { pool, cursor, skip, take }: Pick<EventConsumerOptions<T>, "pool" | "cursor" | "skip" | "take">,
  { events, nextPosition }: { events: readonly Event[]; nextPosition: bigint },
  readFrom: Place,
): Promise<"elsewhere" | "nothing" | { taken: T }> {
  return await withTransaction(pool, async (tx) => {
    const { position, generation } = await cursor.lock(tx);
    if (generation !== readFrom.generation || position < readFrom.position) {
      return "elsewhere";
    }
    const news = events.filter((event) => event.position > position && skip?.(event) !== true);
    const taken = news.length === 0 ? undefined : { taken: await take(tx, news) };
    if (nextPosition > position) {
      await cursor.move(tx, nextPosition);
    }
    return taken ?? "nothing";
  });
}

/** Reports the position to the feed periodically. Returns when the consumer was set back. */
async function report<T>(options: EventConsumerOptions<T>, place: Place, signal: AbortSignal): Promise<void> {
  const { name, pool, log, cursor, consumers, reportMs = 1_000 } = options;
  let reported: { position: bigint; at: number } | undefined;
  let fails = false;
  while (!signal.aborted) {
    const { position, generation } = await cursor.read(pool);
    if (generation !== place.generation) {
      return;
    }
    const isDue =
      reported === undefined || reported.position !== position || performance.now() - reported.at >= 5 * reportMs;
    try {
      if (isDue) {
        await consumers.commitPosition({ name, position, generation }, { signal });
        reported = { position, at: performance.now() };
        fails = false;
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (errorInfo(error).reason === "CONSUMER_REPLAYED") {
        await goBack(options, signal);
        return;
      }
      // Reading goes on: the report is only for operators. It is logged once until it works again.
      if (!fails) {
        log.warn(
          { error, consumer: name, position: String(position) },
          "the position could not be reported to the feed",
        );
      }
      fails = true;
    }
    await setTimeout(reportMs, undefined, { signal }).catch(() => {});
  }
}

/** Moves the cursor back to where the feed has set the consumer. */
async function goBack<T>({ name, pool, log, cursor, consumers }: EventConsumerOptions<T>, signal: AbortSignal) {
  const { consumer } = await consumers.getConsumer({ name }, { signal });
  if (consumer !== undefined) {
    const { position, generation } = consumer;
    await cursor.setBack(pool, { position, generation });
    log.info(
      { consumer: name, position: String(position), generation: String(generation) },
      "the consumer was set back, and reads again from there",
    );
  }
}
