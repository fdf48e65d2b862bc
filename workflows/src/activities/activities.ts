import { timestampMs } from "@bufbuild/protobuf/wkt";
import { errorInfo } from "@sagacart/chassis/errors";
import { type Order, Order_State, OrderRefund_State } from "@sagacart/proto/order/v1/order";
import { Payment_State, Refund_State } from "@sagacart/proto/payment/v1/payment";
import type { Services } from "../clients.ts";
import type { RefundOutcome, Steps } from "../sagas/steps.ts";
import { charge, pay } from "./charge.ts";
import { enumName } from "./enum-name.ts";
import { toFailure } from "./failures.ts";
import { createMover, type StepContext } from "./move.ts";
import { createOrderBook } from "./order-cache.ts";
import { reserve } from "./reserve.ts";
import { ship } from "./ship.ts";
import { giveUp, undo } from "./undo.ts";

/** The steps of the saga as activities, over these services. */
export function createActivities(services: Services): Steps {
  const book = createOrderBook(services.saga);
  const context: StepContext = { services, book, move: createMover(services.saga, book) };
  return asFailures({
    reserve: (input) => reserve(context, input),
    charge: (input) => charge(context, input),
    ship: (input) => ship(context, input),
    undo: (input) => undo(context, input),
    pay: (input) => pay(context, input),
    giveUp: (input) => giveUp(context, input),

    async handOver({ workflowId, orderIds, why }) {
      await services.saga.batchHandOver({ workflowId, orderIds: [...orderIds], why });
    },

    async look({ workflowId, orderId }) {
      const order = (await book.take(workflowId, [orderId])).get(orderId);
      return {
        state: order === undefined ? "GONE" : enumName(Order_State, order.state),
        cancelRequested: order?.cancelRequestTime !== undefined,
        paymentPending: order !== undefined && hasPendingPayment(order),
        expireTimeMs: order?.expireTime === undefined ? 0 : timestampMs(order.expireTime),
      };
    },

    refund: ({ orderId, refundId }) => refund(services, orderId, refundId),

    async raiseIncident(incident) {
      await services.saga.raiseIncident({ ...incident, error: incident.error.slice(0, 2_000) });
    },

    async clearIncident(incident) {
      await services.saga.clearIncident(incident);
    },
  });
}

/** An attempt without a decline is under way: while an order awaits payment, a capture would have moved it on. */
function hasPendingPayment({ payment }: Order): boolean {
  return payment !== undefined && payment.attempt > 0 && payment.declineReason === "";
}

async function refund({ orders, saga, payment }: Services, orderId: string, refundId: string): Promise<RefundOutcome> {
  const asked = await orders.getOrderRefund({ orderId, refundId });
  if (asked.refund?.state !== OrderRefund_State.PENDING) {
    return "settled";
  }
  const { amount, paymentRefundId, reason } = asked.refund;
  const settle = async (state: OrderRefund_State, failureReason: string): Promise<RefundOutcome> => {
    await saga.recordRefund({ orderId, refundId, state, failureReason });
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
      ...(amount === undefined ? {} : { amount }),
    });
    switch (response.refund?.state) {
      case Refund_State.SUCCEEDED:
        return await settle(OrderRefund_State.SUCCEEDED, "");
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

/** The payment service's word that this refund will never be. */
const refusals: ReadonlySet<string> = new Set(["PAYMENT_NOT_CAPTURED", "REFUND_TOO_HIGH", "CURRENCY_MISMATCH"]);

/** Each activity's errors as failures that say whether another try may help. */
function asFailures(steps: Steps): Steps {
  const wrapped = Object.entries(steps).map(([name, step]) => [
    name,
    async (input: never) => {
      try {
        return await (step as (input: never) => Promise<unknown>)(input);
      } catch (error) {
        throw toFailure(error);
      }
    },
  ]);
  // The same names and signatures, each with its errors turned.
  return Object.fromEntries(wrapped) as Steps;
}
