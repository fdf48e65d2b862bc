import { truncate } from "@sagacart/chassis/truncate";
import { type Refund, Refund_State } from "@sagacart/proto/payment/v1/payment";
import type { Services } from "../clients.ts";

/** The step of incidents about money that the card provider refuses for good to pay back. */
export const payBackStep = "pay_back";

/**
 * Brings the incident of an order up to date: open while the provider refuses to pay back its payment, resolved after. While a
 * retried refund is pending, it stays as it is: payment sends a command when the provider has decided about that one. Commands
 * arrive in any order, and two may be handled at once, so what is true now is read, and again after raising.
 */
export async function updatePayBackIncident(
  { payment, saga }: Pick<Services, "payment" | "saga">,
  orderId: string,
): Promise<void> {
  let { refused, retried } = await refusalsOf(payment, orderId);
  if (refused.length > 0) {
    await saga.raiseIncident({
      orderId,
      step: payBackStep,
      // An order that waits has a workflow of its own. Retrying does not need one.
      workflowId: `order-${orderId}`,
      error: truncate(refused.map(describe).join(" "), 2_000),
      attempts: Math.max(...refused.map(({ refusals }) => refusals), 1),
    });
    ({ refused, retried } = await refusalsOf(payment, orderId));
  }
  if (refused.length > 0 || retried.length > 0) {
    return;
  }
  await saga.clearIncident({ orderId, step: payBackStep, resolution: "the customer was paid back" });
}

/** Has the provider asked again for all that it refuses to pay back to the customer of an order. */
export async function retryPayBack({ payment }: Pick<Services, "payment">, orderId: string): Promise<void> {
  const { refused } = await refusalsOf(payment, orderId);
  for (const { id } of refused) {
    await payment.retryRefund({ id });
  }
}

/** Returns the refunds that the provider refuses, and those that it refused and is asked for again. */
async function refusalsOf(
  payment: Services["payment"],
  orderId: string,
): Promise<{ refused: readonly Refund[]; retried: readonly Refund[] }> {
  const { refunds } = await payment.listRefunds({ orderId, pageSize: 200 });
  return {
    refused: refunds.filter(({ state }) => state === Refund_State.REFUSED),
    retried: refunds.filter(({ state, refusals }) => state === Refund_State.PENDING && refusals > 0),
  };
}

function describe({ id, paymentId, amount, failureReason }: Refund): string {
  return `The card provider refuses for good to pay back ${amount?.minorUnits} minor units (${amount?.currencyCode}) of payment ${paymentId}: ${failureReason}. Retry, or pay the customer another way and settle refund ${id} by hand (POST /v1/refunds/${id}:settle).`;
}
