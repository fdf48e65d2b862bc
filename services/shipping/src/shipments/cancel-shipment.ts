import { DomainError } from "@sagacart/chassis/errors";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents } from "@sagacart/outbox/events/append";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { type CancelAnswer, type Carrier, refusalOf } from "../carrier/carrier.ts";
import { requestRecalls } from "../carrier/recall-store.ts";
import { reasons } from "../reasons.ts";
import { settledCommand } from "./settle.ts";
import { type Shipment, settledEvent } from "./shipment.ts";
import { findShipment, insertTombstone, lockShipments, settleShipments } from "./shipment-store.ts";

/** Cancels the shipment of an order, and returns it as it is then: CANCELLED, or REFUSED as it was. */
export type CancelShipment = (orderId: string, signal: AbortSignal) => Promise<Shipment>;

export type CancelOptions = {
  pool: Pool;
  feed: EventFeed;
  commands: CommandOutbox;
  carrier: Carrier;
  /** When a call to the carrier is given up. */
  timeoutMs: number;
};

export function cancelShipment({ pool, feed, commands, carrier, timeoutMs }: CancelOptions): CancelShipment {
  return async (orderId, signal) => {
    const found = await withTransaction(pool, (tx) => begin(tx, orderId));
    if (found.kind === "CARRIER" && (found.state === "PENDING" || found.state === "ACCEPTED")) {
      // The carrier first: a shipment that it does not give back stays as it is. No lock is held during the call.
      await requestReturn(carrier, orderId, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      const cancelled = await withTransaction(pool, (tx) => finish(tx, orderId, timeoutMs));
      feed.notify();
      commands.notify();
      return cancelled;
    }
    feed.notify();
    return found;
  };
}

/** Cancels a shipment that the carrier need not give back; returns any other as it is. */
async function begin(tx: Transaction, orderId: string): Promise<Shipment> {
  if (await insertTombstone(tx, orderId)) {
    const tombstone = await existing(tx, orderId);
    await appendEvents(tx, [settledEvent(tombstone)]);
    return tombstone;
  }
  const found = (await lockShipments(tx, [orderId])).get(orderId);
  return found?.kind === "PICKUP" && found.state === "ACCEPTED" ? await cancel(tx, found) : await existing(tx, orderId);
}

async function requestReturn(carrier: Carrier, orderId: string, signal: AbortSignal): Promise<void> {
  let answer: CancelAnswer;
  try {
    answer = await carrier.cancel(orderId, signal);
  } catch (cause) {
    const message = `the carrier could not be asked to give back the shipment of order ${orderId}; try again`;
    throw new DomainError(reasons, "CARRIER_UNAVAILABLE", message, { order_id: orderId }, { cause });
  }
  if (answer === "on_its_way") {
    const message = `the shipment of order ${orderId} is on its way, and the carrier does not give it back`;
    throw new DomainError(reasons, "SHIPMENT_ON_ITS_WAY", message, { order_id: orderId });
  }
  const refusal = refusalOf(answer);
  if (refusal !== undefined) {
    const message = `the carrier refuses to give back the shipment of order ${orderId}: ${refusal}`;
    throw new DomainError(reasons, "SHIPMENT_NOT_GIVEN_BACK", message, { order_id: orderId, refusal_reason: refusal });
  }
}

async function finish(tx: Transaction, orderId: string, timeoutMs: number): Promise<Shipment> {
  const found = (await lockShipments(tx, [orderId])).get(orderId);
  if (found === undefined || (found.state !== "PENDING" && found.state !== "ACCEPTED")) {
    return await existing(tx, orderId);
  }
  const cancelled = await cancel(tx, found);
  if (found.awaited) {
    await recordCommands(tx, [settledCommand(cancelled)]);
  }
  // A request for it, from this or another process, may reach the carrier only now, and its sender may be gone before the
  // answer comes. After two timeouts it has arrived or was given up.
  await requestRecalls(tx, [orderId], 2 * timeoutMs);
  return cancelled;
}

async function cancel(tx: Transaction, { orderId, trackingNumber }: Shipment): Promise<Shipment> {
  const [cancelled] = await settleShipments(tx, [{ orderId, state: "CANCELLED", trackingNumber, refusalReason: "" }]);
  if (cancelled === undefined) {
    throw new Error(`the shipment of order ${orderId} was locked but is gone`);
  }
  await appendEvents(tx, [settledEvent(cancelled)]);
  return cancelled;
}

async function existing(tx: Transaction, orderId: string): Promise<Shipment> {
  const shipment = await findShipment(tx, orderId);
  if (shipment === undefined) {
    throw new Error(`the shipment of order ${orderId} was found but is gone`);
  }
  return shipment;
}
