import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import type { EventFeed } from "@sagacart/outbox/events/feed";
import { type Delay, type DelayTimes, delayAsks, isDelay } from "@sagacart/provider/ask-store";
import { askShipments } from "../carrier/ask-store.ts";
import type { Result } from "../carrier/carrier-queue.ts";
import { settle } from "./settle.ts";
import type { Shipment } from "./shipment.ts";
import { findShipments, lockShipments } from "./shipment-store.ts";

/**
 * Writes the carrier's answers, and returns the shipments as they are then. `answering`: the callers that asked for the
 * shipments are being answered; those whose shipment is still PENDING are told to wait. Otherwise no caller waits any
 * more, and each settlement records a command.
 */
export type WriteResults = (
  results: readonly Result[],
  options: { answering: boolean },
) => Promise<Map<string, Shipment>>;

export type ResultsOptions = DelayTimes & { pool: Pool; feed: EventFeed; commands: CommandOutbox };

export function createResults({ pool, feed, commands, ...times }: ResultsOptions): WriteResults {
  return async (results, { answering }) => {
    const orderIds = results.map(({ orderId }) => orderId).sort();
    const shipments = await withTransaction(pool, async (tx) => {
      const before = await lockShipments(tx, orderIds);
      await settle(tx, before, results, { answering });
      await delayAsks(tx, askShipments, results.flatMap(delayOf), { ...times, answering });
      return answering ? await findShipments(tx, orderIds) : before;
    });
    feed.notify();
    commands.notify();
    return shipments;
  };
}

function delayOf({ orderId, answer: { kind: why } }: Result): Delay[] {
  return isDelay(why) ? [{ key: orderId, state: "PENDING", why }] : [];
}
