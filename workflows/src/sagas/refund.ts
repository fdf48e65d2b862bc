import { CancellationScope, condition, setHandler, workflowInfo } from "@temporalio/workflow";
import { type Attempts, runWithRetries } from "./attempt.ts";
import { progressQuery, type RefundInput, retrySignal, settledSignal } from "./messages.ts";

/** Pays money back on a completed order, and asks until the provider has given the outcome. */
export async function refund({ orderId, refundId }: RefundInput): Promise<void> {
  const { workflowId } = workflowInfo();
  const attempts: Attempts = { step: "refund", attempt: 0, lastError: "" };
  const retryNow = { asked: false };
  let waiting = false;
  let isAwake = false;
  setHandler(progressQuery, () => ({ ...attempts, waiting }));
  setHandler(settledSignal, () => {
    isAwake = true;
  });
  setHandler(retrySignal, () => {
    retryNow.asked = true;
    isAwake = true;
  });

  await CancellationScope.nonCancellable(async () => {
    for (let waits = 0; ; waits++) {
      isAwake = false;
      const outcome = await runWithRetries({
        step: "refund",
        orderId,
        workflowId,
        run: (steps) => steps.refund({ orderId, refundId }),
        throwPoison: false,
        attempts,
        retryNow,
      });
      if (outcome === "settled") {
        return;
      }
      waiting = true;
      await condition(() => isAwake, Math.min(2_000 * 2 ** Math.min(waits, 10), 600_000));
      waiting = false;
    }
  });
}
