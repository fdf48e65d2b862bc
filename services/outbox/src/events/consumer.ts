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
  /** What the feed calls it: `shipping.delivery-log`. */
  name: string;
  pool: Pool;
  log: Log;
  /** Its place in the feed, in the same database as what `take` does. */
  cursor: EventCursor;
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** Only events of these types; all where it is absent. */
  types?: readonly string[];
  /** Returns true for events that `take` is not to get. */
  skip?(event: Event): boolean;
  /**
   * What it does about events, in the transaction that moves its cursor. After a replay it gets events again that it
   * had: whether they have their effect again is decided here. An error undoes all of it, and the events come again.
   */
  take(tx: Transaction, events: readonly Event[]): Promise<T>;
  /** Called with what `take` gave, when that is committed. Not called where a process dies in between. */
  onTaken?(taken: T): void;
  /** How often to look whether the process that reads is gone. */
  standbyMs?: number;
  /** How often to tell the feed how far it has come, at the most; while nothing comes, a fifth as often. */
  reportMs?: number;
};

/**
 * Reads a feed for ever, from where it was left: each event has its effect once, a subject's events in order, whatever
 * dies in between. Of several processes one reads, and the others stand by. Orders by which the shop tries itself are
 * left out.
 *
 * The cursor in its own database is the truth. The feed is told of it, so that the lag of all consumers is seen in
 * one place; and when an operator has set the consumer back there, the cursor goes back too.
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
      // It was set back, or the feed ended, which it should not; it is not asked in a hurry.
      return { waitMs: 100 };
    },
  });
}

/** Ends where the cursor is not where it was left: then somebody set it back. */
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
 * Takes a page that was read from `readFrom` on, and moves the cursor past it: what another took meanwhile is left out.
 * "elsewhere" where the cursor is not where it was read from: then there is more to take before, or somebody set it back.
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

/** Tells the feed how far it has come, again and again. Ends when it was set back. */
async function report<T>(options: EventConsumerOptions<T>, place: Place, signal: AbortSignal): Promise<void> {
  const { name, pool, log, cursor, consumers, reportMs = 1_000 } = options;
  let told: { position: bigint; at: number } | undefined;
  let fails = false;
  while (!signal.aborted) {
    const { position, generation } = await cursor.read(pool);
    if (generation !== place.generation) {
      return;
    }
    const isDue = told === undefined || told.position !== position || performance.now() - told.at >= 5 * reportMs;
    try {
      if (isDue) {
        await consumers.commitPosition({ name, position, generation }, { signal });
        told = { position, at: performance.now() };
        fails = false;
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (errorInfo(error).reason === "CONSUMER_REPLAYED") {
        await obey(options, signal);
        return;
      }
      // What it reads is not held up by that.
      if (!fails) {
        log.warn(
          { error, consumer: name, position: String(position) },
          "the feed could not be told how far it was read",
        );
      }
      fails = true;
    }
    await setTimeout(reportMs, undefined, { signal }).catch(() => {});
  }
}

async function obey<T>({ name, pool, log, cursor, consumers }: EventConsumerOptions<T>, signal: AbortSignal) {
  const { consumer } = await consumers.getConsumer({ name }, { signal });
  if (consumer !== undefined) {
    const { position, generation } = consumer;
    await cursor.setBack(pool, { position, generation });
    log.info({ consumer: name, position: String(position), generation: String(generation) }, "set back to read again");
  }
}
