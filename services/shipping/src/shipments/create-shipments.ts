import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { appendEvents } from "@sagacart/outbox/events/append";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import type { CarrierQueue, Job } from "../carrier/carrier-queue.ts";
import type { WriteResults } from "./results.ts";
import { acceptedPickup, type Intent, isSame, type Shipment } from "./shipment.ts";
import { findShipments, insertShipments } from "./shipment-store.ts";

/** What became of an intent. `differs`: the order has a shipment, of something else. */
export type Outcome =
  | { readonly kind: "accepted"; readonly trackingNumber: string }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "cancelled" }
  | { readonly kind: "differs" }
  | { readonly kind: "waits" };

/** Makes shipments: each order's on its own, whatever comes of the others'. Answers in the order asked. */
export type CreateShipments = (intents: readonly Intent[]) => Promise<Outcome[]>;

export type CreateOptions = {
  pool: Pool;
  feed: EventFeed;
  carrierQueue: CarrierQueue;
  writeResults: WriteResults;
  /** How long a call to the carrier takes at most. */
  timeoutMs: number;
  /** How long a batch waits for the carrier. */
  batchMs: number;
};

export function createShipments({
  pool,
  feed,
  carrierQueue,
  writeResults,
  timeoutMs,
  batchMs,
}: CreateOptions): CreateShipments {
  return async (intents) => {
    // Nobody else asks for them before our own calls have ended, or we have.
    const before = await record(pool, intents, batchMs + timeoutMs);
    feed.notify();
    const asked = intents.flatMap((intent) => toAsk(intent, before.get(intent.orderId)));
    if (asked.length === 0) {
      return intents.map((intent) => outcomeOf(intent, before.get(intent.orderId)));
    }
    const after = await writeResults(await carrierQueue.ask(asked, batchMs), { answering: true });
    return intents.map((intent) => outcomeOf(intent, after.get(intent.orderId) ?? before.get(intent.orderId)));
  };
}

/** One transaction for all. Answers the shipments that were there before. */
async function record(
  pool: Pool,
  intents: readonly Intent[],
  firstAskMs: number,
): Promise<ReadonlyMap<string, Shipment>> {
  const sorted = intents.toSorted((a, b) => (a.orderId < b.orderId ? -1 : 1));
  return await withTransaction(pool, async (tx) => {
    const inserted = await insertShipments(tx, sorted, firstAskMs);
    const pickups = sorted.filter(({ orderId, address }) => address === undefined && inserted.has(orderId));
    await appendEvents(tx, pickups.map(acceptedPickup));
    const others = sorted.filter(({ orderId }) => !inserted.has(orderId)).map(({ orderId }) => orderId);
    return others.length === 0 ? new Map() : await findShipments(tx, others);
  });
}

/** The carrier is asked for what is new, and again, with the same key, for what is still PENDING. */
function toAsk(intent: Intent, before: Shipment | undefined): Job[] {
  const { orderId, address } = intent;
  const isOpen = before === undefined || (before.state === "PENDING" && isSame(before, intent));
  return address !== undefined && isOpen ? [{ orderId, address }] : [];
}

/** Without a shipment from before, what was recorded is a PICKUP: anything else has been asked for and read again. */
function outcomeOf(intent: Intent, shipment: Shipment | undefined): Outcome {
  if (shipment === undefined) {
    return { kind: "accepted", trackingNumber: "" };
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
