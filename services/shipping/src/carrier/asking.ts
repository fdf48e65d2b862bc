import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { claimAsks, claimRecalls, finishRecall, type Recall } from "../shipments/ask-store.ts";
import type { WriteResults } from "../shipments/results.ts";
import { addressOf } from "../shipments/shipment.ts";
import type { Carrier } from "./carrier.ts";
import type { Desk } from "./provider-queue.ts";

export type AskingOptions = {
  pool: Pool;
  log: Log;
  desk: Desk;
  carrier: Carrier;
  writeResults: WriteResults;
  retryMs: number;
  /** How long a call to the carrier takes at most. */
  timeoutMs: number;
};

/**
 * Asks the carrier again for what is still PENDING and due, so that nothing is forgotten: not when an answer was
 * lost, and not when the process that asked is gone.
 */
export function startAsking({ pool, log, desk, writeResults, retryMs, timeoutMs }: AskingOptions): AsyncDisposable {
  return startLoop({
    name: "carrier-asks",
    log,
    async run() {
      const asks = await claimAsks(pool, { limit, leaseMs: timeoutMs + 1_000 });
      if (asks.length > 0) {
        const shipments = asks.map(({ orderId, address }) => ({ orderId, address: addressOf(address) }));
        await writeResults(await desk.ask(shipments, 500), { answering: false });
      }
      return asks.length === limit ? "again" : { waitMs: pollMs(retryMs) };
    },
  });
}

/** Calls back what the carrier has taken although it was cancelled here, without end. */
export function startRecalling({ pool, log, carrier, retryMs, timeoutMs }: AskingOptions): AsyncDisposable {
  const recall = async (recall: Recall, signal: AbortSignal) => {
    const { orderId, recalls } = recall;
    try {
      const timed = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      if ((await carrier.cancel(orderId, timed)) !== "on_its_way") {
        await finishRecall(pool, recall);
        return;
      }
      log.error({ orderId, recalls }, "a cancelled shipment is on its way, and the carrier does not give it back");
    } catch (error) {
      log.warn({ error, orderId, recalls }, "the carrier could not be told of a cancelled shipment; trying again");
    }
  };
  return startLoop({
    name: "carrier-recalls",
    log,
    async run(signal) {
      const recalls = await claimRecalls(pool, { limit, retryMs, leaseMs: timeoutMs });
      await Promise.all(recalls.map((one) => recall(one, signal)));
      return recalls.length === limit ? "again" : { waitMs: pollMs(retryMs) };
    },
  });
}

const limit = 32;

/** Often enough that waiting for the turn is small beside the pause before a try. */
function pollMs(retryMs: number): number {
  return Math.min(1_000, Math.max(20, retryMs / 2));
}
