import { CancellationScope, proxyActivities } from "@temporalio/workflow";
import type { OrderToCarry } from "../steps.ts";
import type { UsualActivities } from "./activities.ts";

export type UsualOutcome = "COMPLETED" | "OUT_OF_STOCK" | "PAYMENT_DECLINED";

const { reserve, charge, ship, complete, voidCharge, release } = proxyActivities<UsualActivities>({
  startToCloseTimeout: "30 s",
  retry: { initialInterval: "100 ms", maximumInterval: "5 s" },
});

/**
 * The saga as it is usually written with Temporal, the baseline: one workflow per order, an ordinary activity for each
 * step, each compensation registered before its step and run in reverse order.
 */
export async function usualCheckout(order: OrderToCarry): Promise<UsualOutcome> {
  const { orderId } = order;
  const undos: (() => Promise<void>)[] = [];
  try {
    undos.unshift(() => release(orderId));
    if ((await reserve(order)) === "refused") {
      // Nothing was reserved, and the order is final.
      return "OUT_OF_STOCK";
    }
    undos.unshift(() => voidCharge(orderId));
    if ((await charge(order)) === "refused") {
      await undo(undos);
      return "PAYMENT_DECLINED";
    }
    const trackingNumber = await ship(order);
    await complete({ orderId, trackingNumber });
    return "COMPLETED";
  } catch (error) {
    await undo(undos);
    throw error;
  }
}

async function undo(undos: readonly (() => Promise<void>)[]): Promise<void> {
  await CancellationScope.nonCancellable(async () => {
    for (const step of undos) {
      await step();
    }
  });
}
