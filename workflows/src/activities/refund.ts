import { errorInfo } from "@sagacart/chassis/errors";
import { OrderRefund_State } from "@sagacart/proto/order/v1/order";
import { Payment_State, Refund_State } from "@sagacart/proto/payment/v1/payment";
import type { Money } from "@sagacart/proto/type/v1/money";
import type { Services } from "../clients.ts";
import type { RefundOutcome } from "../sagas/steps.ts";

/** Pays money back on a completed order, and records the outcome with the order. */
export async function refund(
  { orders, saga, payment }: Services,
  { orderId, refundId }: { orderId: string; refundId: string },
): Promise<RefundOutcome> {
  const asked = await orders.getOrderRefund({ orderId, refundId });
  if (asked.refund?.state !== OrderRefund_State.PENDING) {
    return "settled";
  }
  const { amount, atMost, paymentRefundId, reason } = asked.refund;
  const settle = async (state: OrderRefund_State, failureReason: string, paid?: Money): Promise<RefundOutcome> => {
    await saga.recordRefund({
      ...{ orderId, refundId, state, failureReason },
      ...(paid === undefined ? {} : { amount: paid }),
    });
    return "settled";
  };
  const { payments } = await payment.listPayments({ orderId, pageSize: 20 });
  const captured = payments.find(({ state }) => state === Payment_State.CAPTURED);
  if (captured === undefined) {
    return await settle(OrderRefund_State.FAILED, "no_payment");
  }
  try {
    const response = await payment.refundPayment({
      paymentId: captured.id,
      refundId: paymentRefundId,
      reason,
      atMost,
      ...(amount === undefined ? {} : { amount }),
    });
    switch (response.refund?.state) {
      case Refund_State.SUCCEEDED:
        return await settle(OrderRefund_State.SUCCEEDED, "", response.refund.amount);
      case Refund_State.FAILED:
        return await settle(OrderRefund_State.FAILED, response.refund.failureReason);
      default:
        return "waits";
    }
  } catch (error) {
    const { reason } = errorInfo(error);
    if (refusals.has(reason)) {
      return await settle(OrderRefund_State.FAILED, reason.toLowerCase());
    }
    throw error;
  }
}

/** The reasons for which the payment service will never make this refund. */
const refusals: ReadonlySet<string> = new Set(["PAYMENT_NOT_CAPTURED", "REFUND_TOO_HIGH", "CURRENCY_MISMATCH"]);
