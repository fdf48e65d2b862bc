import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import type { Event } from "@sagacart/proto/event/v1/event";
import { namesType } from "./endpoint.ts";

/** Up to where every event of the feed of orders has its deliveries. */
export const webhookCursor = eventCursor({ table: "webhook_cursors", feed: "order" });

/**
 * Records a delivery for each of these events and each endpoint that is to get it, in the transaction that moves the
 * cursor: each once, however often the event is read and whoever else reads. What is read anew after a replay makes
 * deliveries only where there are none: for endpoints that did not get them then. Answers how many it made.
 */
export async function takeIn(tx: Transaction, events: readonly Event[]): Promise<number> {
  const pairs = await fanOut(tx, events);
  if (pairs.length === 0) {
    return 0;
  }
  await insertEvents(tx, [...new Set(pairs.map(({ event }) => event))]);
  return await insertDeliveries(tx, pairs);
}

type Pair = { readonly event: Event; readonly endpointId: string };

async function fanOut(tx: Transaction, events: readonly Event[]): Promise<Pair[]> {
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
