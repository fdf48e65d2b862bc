import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type ActorRow, actorMessage } from "@sagacart/chassis/auth/actor";
import {
  type Order,
  OrderDispute_State,
  OrderDisputeSchema,
  OrderLineSchema,
  OrderPaymentSchema,
  OrderSchema,
  type OrderShortage,
  OrderShortageSchema,
} from "@sagacart/proto/order/v1/order";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import type { Dispute } from "../disputes/dispute.ts";
import { type State, stateToProto } from "./order.ts";

/** A row of orders. */
export type OrderRow = {
  id: string;
  customer_id: string;
  cart_id: string | null;
  state: State;
  sequence: number;
  currency: string;
  total_minor: bigint;
  payment_method: string;
  pay_later: boolean;
  payment_attempt: number;
  decline_reason: string;
  shipping_address: JsonValue;
  tracking_number: string;
  contact_email: string;
  outcome_reason: string;
  outcome_detail: string;
  shortages: { productId: string; requested: number; available: number }[] | null;
  cancel_request_time: Date | null;
  cancel_actor_kind: ActorRow["actor_kind"];
  cancel_actor_id: string | null;
  cancel_internal_reason: string;
  place_actor_kind: ActorRow["actor_kind"];
  place_actor_id: string | null;
  pay_actor_kind: ActorRow["actor_kind"];
  pay_actor_id: string | null;
  expire_time: Date | null;
  refunded_minor: bigint;
  disputes: Dispute[] | null;
  owner_workflow_id: string | null;
  guest_customer_id: string | null;
  create_time: Date;
  update_time: Date;
};

/** A row of order_lines. */
export type LineRow = {
  order_id: string;
  product_id: string;
  sku: string;
  title: string;
  quantity: number;
  unit_price_minor: bigint;
};

/** The columns of an OrderRow. */
export const orderColumns = `id, customer_id, cart_id, state, sequence, currency, total_minor, payment_method, pay_later,
  payment_attempt, decline_reason, shipping_address, tracking_number, contact_email, outcome_reason, outcome_detail,
  shortages, cancel_request_time, cancel_actor_kind, cancel_actor_id, cancel_internal_reason, place_actor_kind,
  place_actor_id, pay_actor_kind, pay_actor_id, expire_time, refunded_minor, disputes, owner_workflow_id,
  guest_customer_id, create_time, update_time`;

/** The order of a row, as it goes over the wire. */
export function toOrder(row: OrderRow, lines: readonly LineRow[]): Order {
  const money = (minorUnits: bigint) => create(MoneySchema, { currencyCode: row.currency, minorUnits });
  const placedBy = actorMessage(row.place_actor_kind, row.place_actor_id);
  const order = create(OrderSchema, {
    id: row.id,
    customerId: row.customer_id,
    cartId: row.cart_id ?? "",
    state: stateToProto(row.state),
    lines: lines.map((line) =>
      create(OrderLineSchema, {
        productId: line.product_id,
        sku: line.sku,
        title: line.title,
        quantity: line.quantity,
        unitPrice: money(line.unit_price_minor),
      }),
    ),
    total: money(row.total_minor),
    payment: create(OrderPaymentSchema, {
      method: row.payment_method,
      payLater: row.pay_later,
      attempt: row.payment_attempt,
      declineReason: row.decline_reason,
    }),
    trackingNumber: row.tracking_number,
    outcomeReason: row.outcome_reason,
    outcomeDetail: row.outcome_detail,
    shortages: (row.shortages ?? []).map((shortage): OrderShortage => create(OrderShortageSchema, shortage)),
    refunded: money(row.refunded_minor),
    workflowId: row.owner_workflow_id ?? "",
    guestCustomerId: row.guest_customer_id ?? "",
    sequence: BigInt(row.sequence),
    contactEmail: row.contact_email,
    internalReason: row.cancel_internal_reason,
    disputes: (row.disputes ?? []).map((dispute) =>
      create(OrderDisputeSchema, {
        id: dispute.id,
        amount: money(BigInt(dispute.amountMinor)),
        reason: dispute.reason,
        state: OrderDispute_State[dispute.state],
        createTime: timestampFromDate(new Date(dispute.createTime)),
        updateTime: timestampFromDate(new Date(dispute.updateTime)),
      }),
    ),
    createTime: timestampFromDate(row.create_time),
    updateTime: timestampFromDate(row.update_time),
  });
  if (row.shipping_address !== null) {
    order.shippingAddress = fromJson(AddressSchema, row.shipping_address);
  }
  if (row.cancel_request_time !== null) {
    order.cancelRequestTime = timestampFromDate(row.cancel_request_time);
  }
  const cancelledBy = actorMessage(row.cancel_actor_kind, row.cancel_actor_id);
  if (cancelledBy !== undefined) {
    order.cancelledBy = cancelledBy;
  }
  if (placedBy !== undefined) {
    order.placedBy = placedBy;
  }
  const paidBy = row.pay_later ? actorMessage(row.pay_actor_kind, row.pay_actor_id) : placedBy;
  if (order.payment !== undefined && paidBy !== undefined) {
    order.payment.requestedBy = paidBy;
  }
  if (row.expire_time !== null) {
    order.expireTime = timestampFromDate(row.expire_time);
  }
  return order;
}
