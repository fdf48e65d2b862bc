import { appendEvents, type EventFeed } from "@sagacart/chassis/event-feed";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres";
import { acceptedPickup, type Intent, isSame, type Shipment } from "./shipment.ts";
import { findShipments, insertShipments } from "./store.ts";

/** What became of an intent. `differs`: the order has a shipment, of something else. */
export type Outcome =
  | { readonly kind: "accepted"; readonly trackingNumber: string }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "cancelled" }
  | { readonly kind: "differs" }
  | { readonly kind: "waits" };

/** Makes shipments: each order's on its own, whatever comes of the others'. Answers in the order asked. */
export type CreateShipments = (intents: readonly Intent[]) => Promise<Outcome[]>;

export function createShipments({ pool, feed }: { pool: Pool; feed: EventFeed }): CreateShipments {
  return async (intents) => {
    const before = await record(pool, intents);
    feed.notify();
    return intents.map((intent) => outcomeOf(intent, before.get(intent.orderId)));
  };
}

/** One transaction for all. Answers the shipments that were there before. */
async function record(pool: Pool, intents: readonly Intent[]): Promise<ReadonlyMap<string, Shipment>> {
  const sorted = intents.toSorted((a, b) => (a.orderId < b.orderId ? -1 : 1));
  return await withTransaction(pool, async (tx) => {
    const inserted = await insertShipments(tx, sorted, firstAskMs);
    const pickups = sorted.filter(({ orderId, address }) => address === undefined && inserted.has(orderId));
    await appendEvents(tx, pickups.map(acceptedPickup));
    const others = sorted.filter(({ orderId }) => !inserted.has(orderId)).map(({ orderId }) => orderId);
    return others.length === 0 ? new Map() : await findShipments(tx, others);
  });
}

const firstAskMs = 11_000;

function outcomeOf(intent: Intent, shipment: Shipment | undefined): Outcome {
  if (shipment === undefined) {
    return intent.address === undefined ? { kind: "accepted", trackingNumber: "" } : { kind: "waits" };
  }
  if (!isSame(shipment, intent)) {
    return { kind: "differs" };
  }
  switch (shipment.state) {
    case "ACCEPTED":
      return { kind: "accepted", trackingNumber: shipment.trackingNumber };
    case "REFUSED":
      return { kind: "refused", reason: shipment.refusalReason };
    case "CANCELLED":
      return { kind: "cancelled" };
    case "PENDING":
      return { kind: "waits" };
    default:
      return shipment.state satisfies never;
  }
}
