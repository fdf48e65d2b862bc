import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import type { Event } from "@sagacart/proto/event/v1/event";
import { matchesType } from "./endpoint.ts";
import { findEnabledEndpoints, insertDeliveries, insertEvents } from "./intake-store.ts";

/** The position in the feed of orders up to which every event has its deliveries. */
export const webhookCursor = eventCursor({ table: "webhook_cursors", feed: "order" });

/**
 * Records a delivery for each of these events and each endpoint that receives its type. Runs in the transaction that moves
 * the cursor, and a delivery is unique, so repeated events and other readers add nothing. A replay therefore adds
 * deliveries only for endpoints that did not get the events before. Returns how many it recorded.
 */
export async function ingest(tx: Transaction, events: readonly Event[]): Promise<number> {
  const endpoints = await findEnabledEndpoints(tx);
  const pairs = events.flatMap((event) =>
    endpoints
      .filter(({ eventTypes }) => matchesType(eventTypes, event.type))
      .map(({ id }) => ({ event, endpointId: id })),
  );
  if (pairs.length === 0) {
    return 0;
  }
  await insertEvents(tx, [...new Set(pairs.map(({ event }) => event))]);
  return await insertDeliveries(tx, pairs);
}
