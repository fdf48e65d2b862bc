import { type Refund, Refund_State } from "@sagacart/proto/payment/v1/payment";
import type { Services } from "../clients.ts";

/** The step of incidents about money that the card provider refuses for good to pay back. */
export const payBackStep = "pay_back";

/**
 * Brings the incident of an order up to date: open while the provider refuses to pay back its payment, resolved after.
 * Commands arrive in any order, and two may be handled at once, so what is true now is read, and again after raising.
 */
export async function updatePayBackIncident(
  { payment, saga }: Pick<Services, "payment" | "saga">,
  orderId: string,
): Promise<void> {
  const refused = await refusedRefunds(payment, orderId);
  if (refused.length > 0) {
    await saga.raiseIncident({
      orderId,
      step: payBackStep,
      // An order that waits has a workflow of its own. Retrying does not need one.
      workflowId: `order-${orderId}`,
      error: refused.map(describe).join(" ").slice(0, 2_000),
      attempts: Math.max(...refused.map(({ refusals }) => refusals), 1),
    });
    if ((await refusedRefunds(payment, orderId)).length > 0) {
      return;
    }
  }
  await saga.clearIncident({ orderId, step: payBackStep, resolution: "the customer was paid back" });
}

/** Has the provider asked again for all that it refuses to pay back to the customer of an order. */
export async function retryPayBack({ payment }: Pick<Services, "payment">, orderId: string): Promise<void> {
  for (const { id } of await refusedRefunds(payment, orderId)) {
    await payment.retryRefund({ id });
  }
}

async function refusedRefunds(payment: Services["payment"], orderId: string): Promise<Refund[]> {
  const { refunds } = await payment.listRefunds({ orderId, pageSize: 200 });
  return refunds.filter(({ state }) => state === Refund_State.REFUSED);
}

function describe({ id, paymentId, amount, failureReason }: Refund): string {
  return `The card provider refuses for good to pay back ${amount?.minorUnits} minor units (${amount?.currencyCode}) of payment ${paymentId}: ${failureReason}. Retry, or pay the customer another way and settle refund ${id} by hand (POST /v1/refunds/${id}:settle).`;
}
