import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Event } from "@sagacart/proto/event/v1/event";
import { namesType } from "./endpoint.ts";

/** Some events of the feed of orders, and the position after them. */
export type Page = { readonly events: readonly Event[]; readonly nextPosition: bigint };

/**
 * Records a delivery for each of these events and each endpoint that is to get it, and moves the cursor, in one
 * transaction: each once, however often the event is read and whoever else reads. Answers how many.
 */
export async function takeIn(pool: Pool, page: Page): Promise<number> {
  return await withTransaction(pool, async (tx) => {
    const position = await lockCursor(tx);
    const pairs = await fanOut(
      tx,
      page.events.filter((event) => event.position > position),
    );
    if (pairs.length > 0) {
      await insertEvents(tx, [...new Set(pairs.map(({ event }) => event))]);
      await insertDeliveries(tx, pairs);
    }
    if (page.nextPosition > position) {
      await tx.query({
        name: "move-webhook-cursor",
        text: "update webhook_cursors set position = $1, update_time = now() where feed = 'order'",
        values: [page.nextPosition],
      });
    }
    return pairs.length;
  });
}

/** Up to where every event has its deliveries. */
export async function readCursor(db: Pick<Pool, "query">): Promise<bigint> {
  const { rows } = await db.query<{ position: bigint }>({
    name: "read-webhook-cursor",
    text: "select position from webhook_cursors where feed = 'order'",
  });
  return rows[0]?.position ?? 0n;
}

async function lockCursor(tx: Transaction): Promise<bigint> {
  const { rows } = await tx.query<{ position: bigint }>({
    name: "lock-webhook-cursor",
    text: "select position from webhook_cursors where feed = 'order' for update",
  });
  if (rows[0] === undefined) {
    throw new Error("the webhooks' cursor of the feed of orders is gone; the migrations made it");
  }
  return rows[0].position;
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

async function insertDeliveries(tx: Transaction, pairs: readonly Pair[]): Promise<void> {
  await tx.query({
    name: "insert-webhook-deliveries",
    text: `insert into webhook_deliveries (id, endpoint_id, event_id, subject, position)
           select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
           on conflict (endpoint_id, event_id) do nothing`,
    values: [
      pairs.map(() => uuidv7()),
      pairs.map(({ endpointId }) => endpointId),
      pairs.map(({ event }) => event.id),
      pairs.map(({ event }) => event.subject),
      pairs.map(({ event }) => event.position),
    ],
  });
}
