import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { claimLimit, pollMs } from "@sagacart/provider/asking-again";
import type { Carrier } from "./carrier.ts";
import { claimRecalls, finishRecall, type Recall } from "./recall-store.ts";

export type RecallingOptions = {
  pool: Pool;
  log: Log;
  carrier: Carrier;
  /** The pause after the first failure. */
  retryMs: number;
  /** When a call to the carrier is given up. */
  timeoutMs: number;
};

/** Calls back shipments that the carrier accepted although they are cancelled here, without end. */
export function startRecalling({ pool, log, carrier, retryMs, timeoutMs }: RecallingOptions): AsyncDisposable {
  const recall = async (recall: Recall, signal: AbortSignal) => {
    const { orderId, recalls } = recall;
    try {
      const timed = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      if ((await carrier.cancel(orderId, timed)) !== "on_its_way") {
        await finishRecall(pool, recall);
        return;
      }
      // A person is asked once to call the carrier; it is asked again without end all the same.
      log[recalls === 1 ? "error" : "info"](
        { orderId, recalls },
        "a cancelled shipment is on its way, and the carrier does not give it back",
      );
    } catch (error) {
      log.warn(
        { error, orderId, recalls },
        "the carrier could not be asked to give back a cancelled shipment; it will be asked again",
      );
    }
  };
  return startLoop({
    name: "carrier-recalls",
    log,
    async run(signal) {
      const recalls = await claimRecalls(pool, { limit: claimLimit, retryMs, leaseMs: timeoutMs });
      await Promise.all(recalls.map((one) => recall(one, signal)));
      return recalls.length === claimLimit ? "again" : { waitMs: pollMs(retryMs) };
    },
  });
}
