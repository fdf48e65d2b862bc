import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { type Order, Order_State, Order_StateSchema } from "@sagacart/proto/order/v1/order";
import { type Payment, Payment_StateSchema, type Refund, Refund_StateSchema } from "@sagacart/proto/payment/v1/payment";
import type { Product } from "@sagacart/proto/stock/v1/product";
import type { Money } from "@sagacart/proto/type/v1/money";
import { type SagaFacts, sagaOf } from "./saga.ts";

/** The views of the Dapr surface. A refused order is CANCELLED here, with the reason. */
export function orderOf(order: Order | undefined) {
  return {
    id: order?.id ?? "",
    customerId: order?.customerId ?? "",
    status: shown(order?.state),
    final: isFinal(order?.state),
    reason: order?.outcomeReason || null,
    detail: order?.outcomeDetail || null,
    shortages: (order?.shortages ?? []).map(({ productId, requested, available }) => ({
      productId,
      requested,
      available,
    })),
    items: (order?.lines ?? []).map(({ productId, title, quantity, unitPrice }) => ({
      productId,
      title,
      quantity,
      unitPrice: amountOf(unitPrice),
    })),
    total: amountOf(order?.total),
    currency: order?.total?.currencyCode ?? null,
    refunded: amountOf(order?.refunded),
    trackingNumber: order?.trackingNumber || null,
    createdAt: timeOf(order?.createTime),
    updatedAt: timeOf(order?.updateTime),
  };
}

/** Returns the order's state and its saga: the current step, what is undone, and what remains to undo. */
export function statusOf(known: SagaFacts) {
  const { order, changes, incident } = known;
  const { steps, step, attempt, compensation } = sagaOf(known);
  return {
    id: order.id,
    status: shown(order.state),
    final: isFinal(order.state),
    reason: order.outcomeReason || null,
    detail: order.outcomeDetail || null,
    underWay: underWay(order.state),
    step,
    attempt,
    incident:
      incident === undefined
        ? null
        : { id: incident.id, step: incident.step, error: incident.error, since: timeOf(incident.createTime) },
    payment: { attempt: order.payment?.attempt ?? 0, declineReason: order.payment?.declineReason || null },
    steps: steps.map(({ name, state, time }) => ({ name, state, time: timeOf(time) })),
    compensating: order.state === Order_State.CANCELLING,
    compensation,
    workflowId: order.workflowId || null,
    changes: changes.map(({ state, reason, time }) => ({
      status: Order_StateSchema.value[state]?.localName ?? "",
      reason: reason || null,
      time: timeOf(time),
    })),
  };
}

export function inventoryOf(product: Product | undefined) {
  return {
    productId: product?.id ?? "",
    title: product?.title ?? "",
    price: amountOf(product?.price),
    currency: product?.price?.currencyCode ?? null,
    onHand: product?.onHand ?? 0,
    reservedInAll: product?.reserved ?? 0,
    available: product?.available ?? 0,
  };
}

export function paymentOf(payment: Payment | undefined) {
  return {
    id: payment?.id ?? "",
    customerId: payment?.customerId ?? "",
    status: Payment_StateSchema.value[payment?.state ?? 0]?.localName ?? "",
    amount: amountOf(payment?.amount),
    currency: payment?.amount?.currencyCode ?? null,
    refunded: amountOf(payment?.refunded),
    createdAt: timeOf(payment?.createTime),
  };
}

export function refundOf(refund: Refund | undefined) {
  return {
    id: refund?.id ?? "",
    paymentId: refund?.paymentId ?? "",
    status: Refund_StateSchema.value[refund?.state ?? 0]?.localName ?? "",
    amount: amountOf(refund?.amount),
    currency: refund?.amount?.currencyCode ?? null,
    failureReason: refund?.failureReason || null,
    createdAt: timeOf(refund?.createTime),
  };
}

function shown(state: Order_State = Order_State.UNSPECIFIED): string {
  const isRefused = state === Order_State.REJECTED || state === Order_State.EXPIRED;
  return isRefused ? "CANCELLED" : (Order_StateSchema.value[state]?.localName ?? "");
}

export function isFinal(state: Order_State | undefined): boolean {
  return state !== undefined && underWay(state) === null;
}

/** Says in words what is being done for an order in this state; null if it is final. */
function underWay(state: Order_State = Order_State.UNSPECIFIED): string | null {
  switch (state) {
    case Order_State.PENDING:
      return "reserving stock";
    case Order_State.RESERVED:
      return "taking the payment";
    case Order_State.AWAITING_PAYMENT:
      return "waiting for the customer to pay";
    case Order_State.PAID:
      return "preparing the shipment";
    case Order_State.SHIPPING:
      return "handing over to the carrier";
    case Order_State.CANCELLING:
      return "releasing stock and paying back";
    default:
      return null;
  }
}

/** Amounts are at most 10^15, which a JSON number holds exactly. */
function amountOf(money: Money | undefined): number {
  return Number(money?.minorUnits ?? 0n);
}

function timeOf(time: Timestamp | undefined): string | null {
  return time === undefined ? null : timestampDate(time).toISOString();
}
