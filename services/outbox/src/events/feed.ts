import { setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { type Pool, type Queryable, withTransaction } from "@sagacart/chassis/postgres/pool";
import { createWake, type Wake } from "@sagacart/chassis/postgres/wake";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { type Event, EventSchema } from "@sagacart/proto/event/v1/event";
import {
  EventService,
  ReadEventsResponseSchema,
  type SubscribeEventsRequest,
  type SubscribeEventsResponse,
  SubscribeEventsResponseSchema,
} from "@sagacart/proto/event/v1/event_service";
import { consumerNotFound, consumerService, measureConsumers } from "./consumer-service.ts";
import { generationOf, headPosition, seeConsumer } from "./consumer-store.ts";

export type JsonObject = { readonly [key: string]: unknown };

export type NewEvent = {
  /** What it happened to. The caller holds the lock of that row, so that its events are counted without gaps. */
  subject: string;
  /** 1, 2, 3 … for this subject. */
  sequence: number | bigint;
  type: string;
  data: JsonObject;
  /** The call that caused it; the one under way unless told otherwise. */
  traceparent?: string | undefined;
};

/** Records events in the transaction that makes them true: one statement, whatever their number. A subject's in order. */
export async function appendEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) {
    return;
  }
  const underWay = callContext()?.traceparent;
  await tx.query({
    name: "append-events",
    // clock_timestamp(), since a transaction may have begun long before it got the lock of its subject.
    text: `with event as (
             insert into events (subject, sequence, id, type, data, traceparent, time)
             select subject, sequence, id, type, data, traceparent, clock_timestamp()
             from unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::jsonb[], $6::text[])
               as new (subject, sequence, id, type, data, traceparent))
           insert into event_appends (subjects, sequences) values ($1, $2)`,
    values: [
      events.map(({ subject }) => subject),
      events.map(({ sequence }) => sequence),
      events.map(() => uuidv7()),
      events.map(({ type }) => type),
      events.map(({ data }) => JSON.stringify(data)),
      events.map(({ traceparent = underWay }) => traceparent ?? null),
    ],
  });
}

export type FeedOptions = {
  pool: Pool;
  url: string;
  /** Whose events these are, as CloudEvents name it: `/sagacart/payment`. */
  source: string;
  log: Log;
  /** Where the lag of its consumers is measured. */
  metrics?: Metrics | undefined;
};

export type EventFeed = AsyncDisposable & {
  /** Says that events were committed. Without it they come into the feed a second later. */
  notify(): void;
  /** Serves the feed, and who reads it. */
  routes(router: ConnectRouter): void;
};

/**
 * The feed of a service's events.
 *
 * A serial column would make a poor cursor: a transaction that commits late puts its event behind readers who have
 * gone past. So events are written without a position, each transaction leaves a note of what it appended, and the
 * sequencer, of which only one works at a time (an advisory lock), takes the notes that are committed and gives their
 * events the next positions. Notes are numbered while the subjects' rows are locked, so a subject's events come in their
 * sequence. Neither events nor positions are ever written again: an update of each event cost a third of all that a
 * checkout costs in this database.
 */
export function createEventFeed(options: FeedOptions): EventFeed {
  const { pool, url, source, log, metrics } = options;
  const committed = createWake({ url, channel: "events_committed", log });
  const sequenced = createWake({ url, channel: "events_sequenced", log });
  const sequencer = startLoop({
    name: "event-sequencer",
    log,
    wake: committed,
    async run(signal) {
      const { notes, events } = await sequence(pool);
      if (events > 0n) {
        sequenced.wake();
      }
      if (notes === BigInt(notesLimit)) {
        return "again";
      }
      // What is committed in the meantime is taken together: under load, one round for several transactions.
      await setTimeout(paceMs, undefined, { signal });
      return { waitMs: 1_000 };
    },
  });
  if (metrics !== undefined) {
    measureConsumers({ pool, log, metrics });
  }
  const events = eventService({ pool, source, sequenced });
  const consumers = consumerService({ pool, log, onReplay: () => sequenced.wake() });
  return {
    notify: () => committed.wake(),
    routes(router) {
      router.service(EventService, events);
      router.service(ConsumerService, consumers);
    },
    async [Symbol.asyncDispose]() {
      await sequencer[Symbol.asyncDispose]();
      await committed[Symbol.asyncDispose]();
      await sequenced[Symbol.asyncDispose]();
    },
  };
}

/** The rpcs of EventService. */
function eventService({ pool, source, sequenced }: Reading): ServiceImpl<typeof EventService> {
  return {
    async readEvents({ consumer, afterPosition, types, pageSize }) {
      const limit = pageSize === 0 ? 100 : Math.min(pageSize, readLimit);
      const { position: after, generation } = await beginning(pool, consumer, afterPosition);
      return create(ReadEventsResponseSchema, {
        ...(await read(pool, { source, after, types, limit })),
        generation,
      });
    },
    async *subscribeEvents(request, context) {
      const sleeper = createSleeper(sequenced, context.signal);
      try {
        yield* subscribe({ pool, source, sequenced }, request, { sleeper, context });
      } finally {
        sleeper.close();
      }
    },
  };
}

type Reading = { pool: Pool; source: string; sequenced: Wake };

async function* subscribe(
  { pool, source }: Reading,
  { consumer, types, afterPosition }: SubscribeEventsRequest,
  { sleeper, context: { signal } }: { sleeper: Sleeper; context: HandlerContext },
): AsyncGenerator<SubscribeEventsResponse> {
  let { position: after, generation } = await beginning(pool, consumer, afterPosition);
  let seenAt = performance.now();
  // How far the reader was told that we looked, and when. At first at once: it knows then that the subscription stands.
  let told = -1n;
  let toldAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (consumer !== "") {
      const now = performance.now();
      if (now - seenAt >= seenMs || (await generationOf(pool, consumer)) !== generation) {
        seenAt = now;
        const known = await beginning(pool, consumer, 0n);
        if (known.generation !== generation) {
          // It was set back: it sees all that again, from there.
          ({ position: after, generation } = known);
        }
      }
    }
    const page = await read(pool, { source, after, types, limit: readLimit });
    const isDue = page.nextPosition !== told && performance.now() - toldAt >= progressMs;
    if (page.events.length > 0 || isDue) {
      yield create(SubscribeEventsResponseSchema, { ...page, generation });
      told = page.nextPosition;
      toldAt = performance.now();
    }
    const caughtUp = page.nextPosition === after;
    after = page.nextPosition;
    if (caughtUp) {
      await sleeper.sleep(told === after ? idleMs : progressMs);
    }
  }
}

/** Where to begin: where the consumer is, or at the position that was asked for. */
async function beginning(
  pool: Pool,
  consumer: string,
  afterPosition: bigint,
): Promise<{ position: bigint; generation: bigint }> {
  if (consumer === "") {
    return { position: afterPosition, generation: 0n };
  }
  const known = await seeConsumer(pool, consumer);
  if (known === undefined) {
    throw consumerNotFound(consumer);
  }
  return known;
}

/** How long a subscription sleeps that nobody wakes. */
const idleMs = 5_000;
/** How often a subscription tells, at the most, that the types asked for left out what came. */
const progressMs = 1_000;
/** How often a consumer whose subscription stands is noted as seen. */
const seenMs = 5_000;
const notesLimit = 1_000;
const paceMs = 50;
const readLimit = 1_000;
/** How far one read looks for events of the types that were asked for. */
const scanLimit = 20_000n;

/** Gives positions to what was committed; says how many notes of transactions it took, and to how many events. */
async function sequence(pool: Pool): Promise<{ notes: bigint; events: bigint }> {
  return await withTransaction(pool, async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('sagacart.event-feed'))");
    // The limit is a parameter, for a statement without one is planned once and for all, when the tables are empty.
    const { rows } = await tx.query<{ notes: bigint; events: bigint }>({
      name: "sequence-events",
      text: `with taken as (
               delete from event_appends
               where number in (select number from event_appends order by number limit $1)
               returning number, subjects, sequences),
             positioned as (
               insert into event_positions (position, subject, sequence)
               select (select coalesce(max(position), 0) from event_positions)
                      + row_number() over (order by number, ordinality), subject, sequence
               from taken, unnest(subjects, sequences) with ordinality as appended (subject, sequence, ordinality)
               returning 1)
             select (select count(*) from taken) as notes, (select count(*) from positioned) as events`,
      values: [notesLimit],
    });
    return rows[0] ?? { notes: 0n, events: 0n };
  });
}

type Row = {
  id: string;
  type: string;
  subject: string;
  sequence: bigint;
  position: bigint;
  time: Date;
  data: string;
  traceparent: string | null;
};

async function read(
  pool: Pool,
  { source, after, types, limit }: { source: string; after: bigint; types: readonly string[]; limit: number },
): Promise<{ events: Event[]; nextPosition: bigint }> {
  // The head first: what comes in between is for the next page, and a page that the filter left empty moves on.
  const head = await headPosition(pool);
  if (head <= after) {
    return { events: [], nextPosition: after };
  }
  const last = head - after > scanLimit ? after + scanLimit : head;
  const { rows } = await pool.query<Row>({
    name: "read-events",
    text: `select id, type, subject, sequence, position, time, data::text as data, traceparent
           from event_positions join events using (subject, sequence)
           where position > $1 and position <= $2 and (cardinality($3::text[]) = 0 or type = any($3))
           order by position limit $4`,
    values: [after, last, types, limit],
  });
  const events = rows.map((row) =>
    create(EventSchema, {
      id: row.id,
      source,
      type: row.type,
      subject: row.subject,
      sequence: row.sequence,
      position: row.position,
      time: timestampFromDate(row.time),
      data: row.data,
      traceparent: row.traceparent ?? "",
    }),
  );
  const full = rows.length === limit;
  return { events, nextPosition: full ? (rows.at(-1)?.position ?? last) : last };
}

export type Sleeper = { sleep(ms: number): Promise<void>; close(): void };

/** Sleeps until a wake, the end of the call, or for a while. A wake that came since the last sleep counts. */
export function createSleeper(wake: { subscribe(listener: () => void): () => void }, signal: AbortSignal): Sleeper {
  let woken = false;
  let getUp: () => void = () => {};
  const onWake = () => {
    woken = true;
    getUp();
  };
  const unsubscribe = wake.subscribe(onWake);
  signal.addEventListener("abort", onWake);
  return {
    async sleep(ms) {
      if (!woken && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        getUp = resolve;
        const timer = globalThis.setTimeout(resolve, ms);
        await promise;
        clearTimeout(timer);
      }
      woken = false;
    },
    close() {
      unsubscribe();
      signal.removeEventListener("abort", onWake);
    },
  };
}
