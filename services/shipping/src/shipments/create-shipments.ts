import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { createContractValidator } from "@sagacart/chassis/rpc/contract-validator";
import { appendEvents } from "@sagacart/outbox/events/append";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import type { CarrierQueue, Job } from "../carrier/carrier-queue.ts";
import type { WriteResults } from "./results.ts";
import { acceptedPickup, type Intent, isSame, type Shipment } from "./shipment.ts";
import { findShipments, insertShipments } from "./shipment-store.ts";

/** The outcome of an intent. `differs`: the order has a shipment with other content. */
export type Outcome =
  | { readonly kind: "accepted"; readonly trackingNumber: string }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "cancelled" }
  | { readonly kind: "differs" }
  | { readonly kind: "waits" };

/** Makes shipments independently of each other. Returns the outcomes in the order of the intents. */
export type CreateShipments = (intents: readonly Intent[]) => Promise<Outcome[]>;

export type CreateOptions = {
  pool: Pool;
  feed: EventFeed;
  carrierQueue: CarrierQueue;
  writeResults: WriteResults;
  /** When a call to the carrier is given up. */
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
  const ship: CreateShipments = async (intents) => {
    // By then these calls have ended, or this process has.
    const before = await record(pool, intents, batchMs + timeoutMs);
    feed.notify();
    const asked = intents.flatMap((intent) => jobOf(intent, before.get(intent.orderId)));
    if (asked.length === 0) {
      return intents.map((intent) => outcomeOf(intent, before.get(intent.orderId)));
    }
    const after = await writeResults(await carrierQueue.ask(asked, batchMs), { answering: true });
    return intents.map((intent) => outcomeOf(intent, after.get(intent.orderId) ?? before.get(intent.orderId)));
  };
  return async (intents) => {
    const undeliverable = await findUndeliverable(pool, intents);
    if (undeliverable.size === 0) {
      return await ship(intents);
    }
    const others = intents.filter(({ orderId }) => !undeliverable.has(orderId));
    const shipped = others.length === 0 ? [] : await ship(others);
    const outcomes = new Map(shipped.map((outcome, index) => [others[index]?.orderId, outcome]));
    return intents.map(({ orderId }) => outcomes.get(orderId) ?? { kind: "refused", reason: undeliverableAddress });
  };
}

/** The reason for an address that is refused without asking the carrier. A carrier's refusals may have the same one. */
const undeliverableAddress = "undeliverable_address";

/**
 * Returns the orders whose address the contract or its country does not allow: those of orders that were placed before a
 * rule was made. A shipment that exists already stays what it is.
 */
async function findUndeliverable(pool: Pool, intents: readonly Intent[]): Promise<ReadonlySet<string>> {
  const invalid = intents.filter(
    ({ address }) => address !== undefined && validator.validate(AddressSchema, address).kind !== "valid",
  );
  if (invalid.length === 0) {
    return new Set();
  }
  const ids = invalid.map(({ orderId }) => orderId);
  const existing = await findShipments(pool, ids);
  return new Set(ids.filter((id) => !existing.has(id)));
}

const validator = createContractValidator();

/** Records the intents in one transaction. Returns the shipments that existed before. */
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

/** The job of an intent: the carrier is asked for a new shipment, and again, with the same key, for a PENDING one. */
function jobOf(intent: Intent, before: Shipment | undefined): Job[] {
  const { orderId, address } = intent;
  const isOpen = before === undefined || (before.state === "PENDING" && isSame(before, intent));
  return address !== undefined && isOpen ? [{ orderId, address }] : [];
}

/** An intent without a shipment is a new PICKUP: any other has been asked for and read again. */
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
