import { CancellationScope, condition, setHandler, workflowInfo } from "@temporalio/workflow";
import { type Attempts, untilDone } from "./attempt.ts";
import { progressQuery, type RefundInput, retrySignal, settledSignal } from "./messages.ts";

/** Pays money back on a completed order, and asks until the provider has said what became of it. */
export async function refund({ orderId, refundId }: RefundInput): Promise<void> {
  const { workflowId } = workflowInfo();
  const attempts: Attempts = { step: "refund", attempt: 0, lastError: "" };
  const retryNow = { asked: false };
  let waiting = false;
  let news = false;
  setHandler(progressQuery, () => ({ ...attempts, waiting }));
  setHandler(settledSignal, () => {
    news = true;
  });
  setHandler(retrySignal, () => {
    retryNow.asked = true;
    news = true;
  });

  await CancellationScope.nonCancellable(async () => {
    for (let waits = 0; ; waits++) {
      news = false;
      const outcome = await untilDone({
        step: "refund",
        orderId,
        workflowId,
        run: (steps) => steps.refund({ orderId, refundId }),
        throwBad: false,
        attempts,
        retryNow,
      });
      if (outcome === "settled") {
        return;
      }
      waiting = true;
      await condition(() => news, Math.min(2_000 * 2 ** Math.min(waits, 10), 600_000));
      waiting = false;
    }
  });
}
