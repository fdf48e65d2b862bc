import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Event } from "@sagacart/proto/event/v1/event";
import { namesType } from "./endpoint.ts";

/** Some events of the feed of orders, and the position after them. */
export type Page = {
  readonly events: readonly Event[];
  readonly nextPosition: bigint;
  /** How often the feed had set this reader back when it gave out the page. */
  readonly generation: bigint;
};

/** Every event up to the position has its deliveries, as of this generation. */
export type Cursor = { readonly position: bigint; readonly generation: bigint };

/**
 * Records a delivery for each of these events and each endpoint that is to get it, and moves the cursor, in one
 * transaction: each once, however often the event is read and whoever else reads. What is read anew after a replay
 * makes deliveries only where there are none: for endpoints that did not get them then. Answers how many it made.
 */
export async function takeIn(pool: Pool, { events, nextPosition, generation }: Page): Promise<number> {
  return await withTransaction(pool, async (tx) => {
    const cursor = await lockCursor(tx);
    if (generation < cursor.generation) {
      return 0;
    }
    const isReplayed = generation > cursor.generation;
    const news = events.filter((event) => isReplayed || event.position > cursor.position);
    const pairs = await fanOut(tx, news);
    if (isReplayed || nextPosition > cursor.position) {
      await tx.query({
        name: "move-webhook-cursor",
        text: `update webhook_cursors set position = $1, generation = $2, update_time = now() where feed = 'order'`,
        values: [nextPosition, generation],
      });
    }
    if (pairs.length === 0) {
      return 0;
    }
    await insertEvents(tx, [...new Set(pairs.map(({ event }) => event))]);
    return await insertDeliveries(tx, pairs);
  });
}

export async function readCursor(db: Pick<Pool, "query">): Promise<Cursor> {
  const { rows } = await db.query<Cursor>({
    name: "read-webhook-cursor",
    text: "select position, generation from webhook_cursors where feed = 'order'",
  });
  return rows[0] ?? missing();
}

async function lockCursor(tx: Transaction): Promise<Cursor> {
  const { rows } = await tx.query<Cursor>({
    name: "lock-webhook-cursor",
    text: "select position, generation from webhook_cursors where feed = 'order' for update",
  });
  return rows[0] ?? missing();
}

function missing(): never {
  throw new Error("the webhooks' cursor of the feed of orders is gone; the migrations made it");
}

type Pair = { readonly event: Event; readonly endpointId: string };

async function fanOut(tx: Transaction, events: readonly Event[]): Promise<Pair[]> {
  if (events.length === 0) {
    return [];
  }
  const { rows } = await tx.query<{ id: string; event_types: string[] }>({
    name: "webhook-endpoints-to-fan-out",
    // The lock only keeps them from being deleted meanwhile.
    text: "select id, event_types from webhook_endpoints where enabled order by id for key share",
  });
  return events.flatMap((event) =>
    rows.filter(({ event_types }) => namesType(event_types, event.type)).map(({ id }) => ({ event, endpointId: id })),
  );
}

async function insertEvents(tx: Transaction, events: readonly Event[]): Promise<void> {
  await tx.query({
    name: "insert-webhook-events",
    text: `insert into webhook_events (id, source, type, subject, sequence, position, time, data, traceparent)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
                                $7::timestamptz[], $8::text[], $9::text[])
           on conflict do nothing`,
    values: [
      events.map(({ id }) => id),
      events.map(({ source }) => source),
      events.map(({ type }) => type),
      events.map(({ subject }) => subject),
      events.map(({ sequence }) => sequence),
      events.map(({ position }) => position),
      events.map(({ time }) => (time === undefined ? new Date() : timestampDate(time))),
      events.map(({ data }) => data),
      events.map(({ traceparent }) => traceparent),
    ],
  });
}

async function insertDeliveries(tx: Transaction, pairs: readonly Pair[]): Promise<number> {
  const { rowCount } = await tx.query({
    name: "insert-webhook-deliveries",
    text: `insert into webhook_deliveries (id, endpoint_id, event_id, subject, position)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
           on conflict (event_id, endpoint_id) do nothing`,
    values: [
      pairs.map(() => uuidv7()),
      pairs.map(({ endpointId }) => endpointId),
      pairs.map(({ event }) => event.id),
      pairs.map(({ event }) => event.subject),
      pairs.map(({ event }) => event.position),
    ],
  });
  return rowCount ?? 0;
}
