import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Event } from "@sagacart/proto/event/v1/event";

/** An event for an endpoint. */
export type Pair = { readonly event: Event; readonly endpointId: string };

const newEvents = unnest<Event>("new", {
  id: ["text", ({ id }) => id],
  source: ["text", ({ source }) => source],
  type: ["text", ({ type }) => type],
  subject: ["text", ({ subject }) => subject],
  sequence: ["bigint", ({ sequence }) => sequence],
  position: ["bigint", ({ position }) => position],
  time: ["timestamptz", ({ time }) => (time === undefined ? new Date() : timestampDate(time))],
  data: ["text", ({ data }) => data],
  traceparent: ["text", ({ traceparent }) => traceparent],
});

const newDeliveries = unnest<Pair>("new", {
  id: ["text", () => uuidv7()],
  endpoint_id: ["text", ({ endpointId }) => endpointId],
  event_id: ["text", ({ event }) => event.id],
  subject: ["text", ({ event }) => event.subject],
  position: ["bigint", ({ event }) => event.position],
});

/** Finds the enabled endpoints. Locks them against deletion until the transaction ends. */
export async function findEnabledEndpoints(
  tx: Transaction,
): Promise<{ readonly id: string; readonly eventTypes: readonly string[] }[]> {
  const { rows } = await tx.query<{ id: string; event_types: string[] }>({
    name: "webhook-endpoints-to-fan-out",
    text: "select id, event_types from webhook_endpoints where enabled order by id for key share",
  });
  return rows.map(({ id, event_types }) => ({ id, eventTypes: event_types }));
}

/** Stores events that are not stored yet. */
export async function insertEvents(tx: Transaction, events: readonly Event[]): Promise<void> {
  await tx.query({
    name: "insert-webhook-events",
    text: `insert into webhook_events (${newEvents.columns}) select * from ${newEvents.table} on conflict do nothing`,
    values: newEvents.values(events),
  });
}

/** Records the deliveries that are not recorded yet. Returns how many. */
export async function insertDeliveries(tx: Transaction, pairs: readonly Pair[]): Promise<number> {
  const { rowCount } = await tx.query({
    name: "insert-webhook-deliveries",
    text: `insert into webhook_deliveries (${newDeliveries.columns}) select * from ${newDeliveries.table}
           on conflict (event_id, endpoint_id) do nothing`,
    values: newDeliveries.values(pairs),
  });
  return rowCount ?? 0;
}
