import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { CommandOutbox } from "@sagacart/outbox/commands/outbox";
import { claimLimit, pollMs } from "@sagacart/provider/asking-again";
import { type Carrier, refusalOf } from "./carrier.ts";
import { claimRecalls, finishRecall, type Recall } from "./recall-store.ts";

export type RecallingOptions = {
  pool: Pool;
  log: Log;
  carrier: Carrier;
  commands: Pick<CommandOutbox, "notify">;
  /** The pause after the first failure. */
  retryMs: number;
  /** When a call to the carrier is given up. */
  timeoutMs: number;
};

/**
 * Calls back shipments that the carrier accepted although they are cancelled here, until it answers. One that it refuses
 * for good to give back is for an operator.
 */
export function startRecalling(options: RecallingOptions): AsyncDisposable {
  const { pool, log, carrier, commands, retryMs, timeoutMs } = options;
  const recall = async (recall: Recall, signal: AbortSignal) => {
    const { orderId, recalls } = recall;
    try {
      const timed = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const refusal = refusalOf(await carrier.cancel(orderId, timed));
      if (refusal !== undefined) {
        log.error({ orderId, recalls, refusal }, "the carrier does not give back the shipment of a cancelled order");
      }
      if (await finishRecall(pool, recall, refusal)) {
        commands.notify();
      }
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
