import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Message, Message_Channel, Message_State } from "@sagacart/proto/notifier/v1/message";
import { type WebhookDelivery, WebhookDelivery_State } from "@sagacart/proto/notifier/v1/webhook";
import type { Incident } from "@sagacart/proto/order/v1/incident";
import {
  type Order,
  Order_State,
  type OrderChange,
  type OrderRefund,
  OrderRefund_Source,
  OrderRefund_State,
} from "@sagacart/proto/order/v1/order";
import type { JournalEntry } from "@sagacart/proto/payment/v1/account";
import {
  type Dispute,
  Dispute_State,
  type Payment,
  Payment_State,
  type Refund,
  Refund_Source,
  Refund_State,
} from "@sagacart/proto/payment/v1/payment";
import { type Shipment, Shipment_Kind, Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { type Reservation, Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import type { Actor } from "@sagacart/proto/type/v1/actor";
import { money, nameOf, words } from "./show.ts";

/** Everything that the services know about an order. What could not be read is absent. */
export type OrderRecords = {
  readonly order: Order;
  readonly changes: readonly OrderChange[];
  readonly reservation?: Reservation | undefined;
  readonly payments?: readonly Payment[] | undefined;
  readonly refunds?: readonly Refund[] | undefined;
  readonly orderRefunds?: readonly OrderRefund[] | undefined;
  readonly disputes?: readonly Dispute[] | undefined;
  readonly entries?: readonly JournalEntry[] | undefined;
  readonly shipment?: Shipment | undefined;
  readonly messages?: readonly Message[] | undefined;
  readonly deliveries?: readonly WebhookDelivery[] | undefined;
  readonly incidents?: readonly Incident[] | undefined;
};

export type TimelineKind = "order" | "stock" | "payment" | "ledger" | "shipping" | "message" | "webhook" | "incident";

/** One thing that happened. */
export type TimelineEntry = {
  readonly key: string;
  readonly time: Timestamp;
  readonly kind: TimelineKind;
  readonly title: string;
  readonly detail: string;
  readonly actor: Actor | undefined;
  /** The record that it is from, if it has a page of its own. */
  readonly id: string;
  readonly tone: "good" | "bad" | "neutral";
};

/** Puts what all services know about an order into the order of time. What happened at one time stays in the saga's order. */
export function timelineOf(records: OrderRecords): TimelineEntry[] {
  return [
    ...orderEntries(records),
    ...stockEntries(records),
    ...paymentEntries(records),
    ...ledgerEntries(records),
    ...shippingEntries(records),
    ...incidentEntries(records),
    ...messageEntries(records),
  ].toSorted((a, b) => compare(a.time, b.time));
}

function compare(a: Timestamp, b: Timestamp): number {
  return a.seconds === b.seconds ? a.nanos - b.nanos : a.seconds < b.seconds ? -1 : 1;
}

type Given = Pick<TimelineEntry, "key" | "kind" | "title"> & Partial<Omit<TimelineEntry, "time">>;

/** Makes an entry; none without a time. */
function at(time: Timestamp | undefined, entry: Given): TimelineEntry[] {
  return time === undefined ? [] : [{ detail: "", actor: undefined, id: "", tone: "neutral", ...entry, time }];
}

const badOrderStates: readonly Order_State[] = [
  Order_State.CANCELLING,
  Order_State.REJECTED,
  Order_State.CANCELLED,
  Order_State.EXPIRED,
];

function orderEntries({ order, changes, orderRefunds = [] }: OrderRecords): TimelineEntry[] {
  return [
    ...changes.flatMap((change, index) => changeEntry(change, changes[index - 1], order)),
    ...at(order.cancelRequestTime, {
      key: "cancel",
      kind: "order",
      title: "Cancellation requested",
      detail: order.internalReason || order.outcomeDetail,
      actor: order.cancelledBy,
      tone: "bad",
    }),
    ...orderRefunds.flatMap((refund) =>
      at(refund.createTime, {
        key: `order refund ${refund.id}`,
        kind: "order",
        title: `Refund of ${money(refund.amount)} requested`,
        detail: [
          refund.reason,
          refund.failureReason,
          refund.source === OrderRefund_Source.ORDER
            ? ""
            : `by the ${nameOf(OrderRefund_Source, refund.source).toLowerCase()}`,
          words(OrderRefund_State, refund.state).toLowerCase(),
        ]
          .filter((part) => part !== "")
          .join(", "),
        actor: refund.requestedBy,
        tone: refund.state === OrderRefund_State.FAILED ? "bad" : "neutral",
      }),
    ),
  ];
}

function changeEntry(change: OrderChange, before: OrderChange | undefined, order: Order): TimelineEntry[] {
  const { sequence, state, reason, time } = change;
  const isPlaced = sequence === 1n;
  // A refund or a dispute changes an order, too, and leaves it in its state.
  const isSame = before?.state === state;
  return at(time, {
    key: `change ${sequence}`,
    kind: "order",
    title: isPlaced
      ? "Order placed"
      : isSame
        ? `Changed while ${words(Order_State, state).toLowerCase()}`
        : words(Order_State, state),
    detail: isSame ? "" : reason,
    actor: isPlaced ? order.placedBy : undefined,
    tone: isSame
      ? "neutral"
      : state === Order_State.COMPLETED
        ? "good"
        : badOrderStates.includes(state)
          ? "bad"
          : "neutral",
  });
}

function stockEntries({ reservation }: OrderRecords): TimelineEntry[] {
  if (reservation === undefined) {
    return [];
  }
  const { state, lines, shortages, createTime, updateTime, actor } = reservation;
  const what = lines.map(({ productId, quantity }) => `${quantity} × ${productId}`).join(", ");
  const short = shortages.map(
    ({ productId, requested, available }) => `${productId}: ${requested} asked, ${available} there`,
  );
  const isRefused = state === Reservation_State.REFUSED;
  const isOver = state !== Reservation_State.HELD && state !== Reservation_State.PINNED && !isRefused;
  return [
    ...at(createTime, {
      key: "reservation",
      kind: "stock",
      title: isRefused ? "Stock refused" : "Stock reserved",
      detail: isRefused ? short.join(", ") : what,
      tone: isRefused ? "bad" : "good",
    }),
    ...(isOver
      ? at(updateTime, {
          key: "reservation ends",
          kind: "stock",
          title: `Stock ${nameOf(Reservation_State, state).toLowerCase()}`,
          detail: what,
          actor,
          tone: state === Reservation_State.COMMITTED ? "good" : "bad",
        })
      : []),
  ];
}

function paymentEntries(records: OrderRecords): TimelineEntry[] {
  const { payments = [], refunds = [], disputes = [] } = records;
  return [
    ...payments.flatMap((payment) => {
      const { id, attempt, amount, state, asks, providerChargeId, paymentMethod, createTime, updateTime } = payment;
      const by = paymentMethod === "" ? "the balance" : paymentMethod;
      const provider = [asks > 0 ? `asked ${asks} ${asks === 1 ? "time" : "times"}` : "", providerChargeId];
      return [
        ...at(createTime, {
          key: `payment ${id}`,
          kind: "payment",
          title: `Payment attempt ${attempt} of ${money(amount)} by ${by}`,
          actor: payment.createdBy,
          id,
        }),
        ...(state === Payment_State.PENDING
          ? []
          : at(settleTime(payment, records) ?? updateTime, {
              key: `payment ${id} ${state}`,
              kind: "payment",
              title: `Payment ${nameOf(Payment_State, state).toLowerCase()}`,
              detail: [payment.declineReason, ...provider].filter((part) => part !== "").join(", "),
              id,
              tone: state === Payment_State.CAPTURED ? "good" : "bad",
            })),
      ];
    }),
    ...refunds.flatMap((refund) =>
      at(refund.updateTime, {
        key: `refund ${refund.id}`,
        kind: "payment",
        title: `Refund of ${money(refund.amount)} ${nameOf(Refund_State, refund.state).toLowerCase()}`,
        detail: [refund.reason, refund.failureReason, `source ${nameOf(Refund_Source, refund.source).toLowerCase()}`]
          .filter((part) => part !== "")
          .join(", "),
        actor: refund.requestedBy,
        id: refund.paymentId,
        tone:
          refund.state === Refund_State.SUCCEEDED ? "good" : refund.state === Refund_State.PENDING ? "neutral" : "bad",
      }),
    ),
    ...disputes.flatMap(({ id, amount, reason, state, createTime, updateTime }) => [
      ...at(createTime, {
        key: `dispute ${id}`,
        kind: "payment",
        title: `Dispute of ${money(amount)} opened`,
        detail: reason,
        tone: "bad",
      }),
      ...(state === Dispute_State.OPEN
        ? []
        : at(updateTime, {
            key: `dispute ${id} ends`,
            kind: "payment",
            title: `Dispute ${nameOf(Dispute_State, state).toLowerCase()}`,
            tone: state === Dispute_State.WON ? "good" : "bad",
          })),
    ]),
  ];
}

/** When a payment was captured: a refund changes it later, so its last change does not tell. */
function settleTime({ id, state }: Payment, { entries = [] }: OrderRecords): Timestamp | undefined {
  return state === Payment_State.CAPTURED
    ? entries.find(({ kind, reference }) => kind === "charge" && reference === id)?.createTime
    : undefined;
}

function ledgerEntries({ entries = [] }: OrderRecords): TimelineEntry[] {
  return entries.flatMap(({ id, kind, lines, createTime, actor }) =>
    at(createTime, {
      key: `entry ${id}`,
      kind: "ledger",
      title: `Journal entry: ${kind.replaceAll("_", " ")}`,
      detail: lines.map(({ account, amount }) => `${account.value ?? ""} ${money(amount)}`).join(", "),
      actor,
      id,
    }),
  );
}

function shippingEntries({ shipment }: OrderRecords): TimelineEntry[] {
  if (shipment === undefined) {
    return [];
  }
  const { kind, state, createTime, updateTime, trackingNumber, refusalReason, recallRefusal } = shipment;
  return [
    ...at(createTime, {
      key: "shipment",
      kind: "shipping",
      title: kind === Shipment_Kind.PICKUP ? "Pickup prepared" : "Carrier asked",
    }),
    ...(state === Shipment_State.PENDING
      ? []
      : at(updateTime, {
          key: `shipment ${state}`,
          kind: "shipping",
          title: `Shipment ${nameOf(Shipment_State, state).toLowerCase()}`,
          detail: [trackingNumber, refusalReason, recallRefusal].filter((part) => part !== "").join(", "),
          tone: state === Shipment_State.ACCEPTED ? "good" : "bad",
        })),
  ];
}

function incidentEntries({ incidents = [] }: OrderRecords): TimelineEntry[] {
  return incidents.flatMap(({ id, step, error, createTime, updateTime, resolution, retryRequestTime, ...who }) => [
    ...at(createTime, {
      key: `incident ${id}`,
      kind: "incident",
      title: `Incident: ${step}`,
      detail: error,
      id,
      tone: "bad",
    }),
    ...at(retryRequestTime, {
      key: `incident ${id} retry`,
      kind: "incident",
      title: `Retry of ${step} requested`,
      actor: who.retryRequestedBy,
      id,
    }),
    ...(resolution === ""
      ? []
      : at(updateTime, {
          key: `incident ${id} resolved`,
          kind: "incident",
          title: `Incident resolved: ${step}`,
          detail: resolution,
          actor: who.resolvedBy,
          id,
          tone: "good",
        })),
  ]);
}

function messageEntries({ messages = [], deliveries = [] }: OrderRecords): TimelineEntry[] {
  return [
    ...messages.flatMap(({ id, channel, subject, recipient, state, lastError, createTime, sendTime }) =>
      at(sendTime ?? createTime, {
        key: `message ${id}`,
        kind: "message",
        title: `${words(Message_Channel, channel)} ${nameOf(Message_State, state).toLowerCase()}: ${subject}`,
        detail: [channel === Message_Channel.EMAIL ? recipient : "", lastError]
          .filter((part) => part !== "")
          .join(", "),
        id,
        tone: state === Message_State.FAILED ? "bad" : "neutral",
      }),
    ),
    ...deliveries.flatMap(({ id, endpointId, eventType, state, attemptCount, lastError, createTime, endTime }) =>
      at(endTime ?? createTime, {
        key: `delivery ${id}`,
        kind: "webhook",
        title: `Webhook ${nameOf(WebhookDelivery_State, state).toLowerCase()}: ${eventType}`,
        detail: [`endpoint ${endpointId}`, `${attemptCount} attempts`, lastError]
          .filter((part) => part !== "")
          .join(", "),
        id,
        tone: state === WebhookDelivery_State.DEAD ? "bad" : "neutral",
      }),
    ),
  ];
}
