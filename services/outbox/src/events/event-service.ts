import { setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Wake } from "@sagacart/chassis/postgres/wake";
import { createSleeper } from "@sagacart/chassis/time/sleeper";
import { type Event, EventSchema } from "@sagacart/proto/event/v1/event";
import {
  type EventService,
  ReadEventsResponseSchema,
  type SubscribeEventsRequest,
  type SubscribeEventsResponse,
  SubscribeEventsResponseSchema,
} from "@sagacart/proto/event/v1/event_service";
import { consumerNotFound } from "./consumer-service.ts";
import { generationOf, seeConsumer } from "./consumer-store.ts";
import { type EventRow, headPosition, listEvents } from "./event-store.ts";

export type EventServiceOptions = {
  pool: Pool;
  /** The `source` attribute of the CloudEvents, for example `/sagacart/payment`. */
  source: string;
  /** Says that events got positions, or that a consumer was set back. */
  sequenced: Wake;
};

/** The RPCs of EventService. */
export function eventService(options: EventServiceOptions): ServiceImpl<typeof EventService> {
  const { pool } = options;
  return {
    async readEvents({ consumer, afterPosition, types, pageSize }) {
      const limit = pageSize === 0 ? 100 : Math.min(pageSize, readLimit);
      const { position: after, generation } = await startOf(pool, consumer, afterPosition);
      const page = await readPage(options, { after, types, limit });
      return create(ReadEventsResponseSchema, { ...page, generation });
    },
    subscribeEvents: (request, { signal }) => subscribe(options, request, signal),
  };
}

async function* subscribe(
  options: EventServiceOptions,
  { consumer, types, afterPosition }: SubscribeEventsRequest,
  signal: AbortSignal,
): AsyncGenerator<SubscribeEventsResponse> {
  const { pool, sequenced } = options;
  using sleeper = createSleeper({ signal, wake: sequenced });
  let { position: after, generation } = await startOf(pool, consumer, afterPosition);
  let seenAt = performance.now();
  // The position of the last message and its time. The first message goes at once: it says that the subscription works.
  let sent = -1n;
  let sentAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (consumer !== "") {
      const now = performance.now();
      if (now - seenAt >= seenMs || (await generationOf(pool, consumer)) !== generation) {
        seenAt = now;
        const known = await startOf(pool, consumer, 0n);
        if (known.generation !== generation) {
          // It was set back: it reads again from there.
          ({ position: after, generation } = known);
        }
      }
    }
    const page = await readPage(options, { after, types, limit: readLimit });
    const isProgressDue = page.nextPosition !== sent && performance.now() - sentAt >= progressMs;
    if (page.events.length > 0 || isProgressDue) {
      yield create(SubscribeEventsResponseSchema, { ...page, generation });
      sent = page.nextPosition;
      sentAt = performance.now();
    }
    const isAtEnd = page.nextPosition === after;
    const isScanFull = page.nextPosition - after === scanLimit;
    after = page.nextPosition;
    if (isAtEnd) {
      await sleeper.sleep(sent === after ? idleMs : progressMs);
    } else if (page.events.length === 0 && !isScanFull) {
      // A busy feed wakes the subscription for each batch of events, and none of these were of its types.
      await setTimeout(filteredMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** How long a subscription sleeps without a wake-up. */
const idleMs = 5_000;
/** How often, at most, a subscription sends a position without events, while its types filter out all that come. */
const progressMs = 1_000;
/** The pause after a read in which the types filtered out all that had come. */
const filteredMs = 200;
/** How often the consumer of an open subscription is marked as seen. */
const seenMs = 5_000;
const readLimit = 1_000;
/** How many positions one read scans for events of the requested types. */
const scanLimit = 20_000n;

/** Returns where to start: at the consumer's position, or without a consumer at the requested one. */
async function startOf(
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

async function readPage(
  { pool, source }: EventServiceOptions,
  { after, types, limit }: { after: bigint; types: readonly string[]; limit: number },
): Promise<{ events: Event[]; nextPosition: bigint }> {
  // The head is read first: events that come meanwhile are for the next page, and a page without events moves on.
  const head = await headPosition(pool);
  if (head <= after) {
    return { events: [], nextPosition: after };
  }
  const upTo = head - after > scanLimit ? after + scanLimit : head;
  const rows = await listEvents(pool, { after, upTo, types, limit });
  const isFull = rows.length === limit;
  const nextPosition = isFull ? (rows.at(-1)?.position ?? upTo) : upTo;
  return { events: rows.map((row) => eventMessage(row, source)), nextPosition };
}

function eventMessage({ time, traceparent, ...row }: EventRow, source: string): Event {
  return create(EventSchema, { ...row, source, time: timestampFromDate(time), traceparent: traceparent ?? "" });
}
