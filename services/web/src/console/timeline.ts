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
import type { Language } from "../i18n/language.tsx";
import { nameOf, type Show, showIn } from "./show.ts";
import { timelineTexts } from "./timeline-texts.ts";

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
export function timelineOf(records: OrderRecords, language: Language): TimelineEntry[] {
  const wording = { text: timelineTexts[language], show: showIn(language) };
  return [
    ...orderEntries(records, wording),
    ...stockEntries(records, wording),
    ...paymentEntries(records, wording),
    ...ledgerEntries(records, wording),
    ...shippingEntries(records, wording),
    ...incidentEntries(records, wording),
    ...messageEntries(records, wording),
  ].toSorted((a, b) => compare(a.time, b.time));
}

/** The words of a timeline, and how it shows values. */
type Wording = { readonly text: (typeof timelineTexts)["en"]; readonly show: Show };

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

function orderEntries({ order, changes, orderRefunds = [] }: OrderRecords, wording: Wording): TimelineEntry[] {
  const { text, show } = wording;
  return [
    ...changes.flatMap((change, index) => changeEntry(change, { before: changes[index - 1], order, ...wording })),
    ...at(order.cancelRequestTime, {
      key: "cancel",
      kind: "order",
      title: text.cancelRequested,
      detail: order.internalReason || order.outcomeDetail,
      actor: order.cancelledBy,
      tone: "bad",
    }),
    ...orderRefunds.flatMap((refund) =>
      at(refund.createTime, {
        key: `order refund ${refund.id}`,
        kind: "order",
        title: text.refundRequested(show.money(refund.amount)),
        detail: [
          refund.reason,
          refund.failureReason,
          refundBy(refund, text),
          text.within(show.words(OrderRefund_State, refund.state)),
        ]
          .filter((part) => part !== "")
          .join(", "),
        actor: refund.requestedBy,
        tone: refund.state === OrderRefund_State.FAILED ? "bad" : "neutral",
      }),
    ),
  ];
}

/** Says where a refund was made, if not with its order. */
function refundBy({ source }: OrderRefund, text: Wording["text"]): string {
  const places: Readonly<Record<string, string>> = text.refundBy;
  return places[nameOf(OrderRefund_Source, source)] ?? "";
}

function changeEntry(
  { sequence, state, reason, time }: OrderChange,
  { before, order, text, show }: Wording & { readonly before: OrderChange | undefined; readonly order: Order },
): TimelineEntry[] {
  const isPlaced = sequence === 1n;
  // A refund or a dispute changes an order, too, and leaves it in its state.
  const isSame = before?.state === state;
  return at(time, {
    key: `change ${sequence}`,
    kind: "order",
    title: isPlaced
      ? text.placed
      : isSame
        ? text.changedWhile(show.words(Order_State, state))
        : show.words(Order_State, state),
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

function stockEntries({ reservation }: OrderRecords, { text, show }: Wording): TimelineEntry[] {
  if (reservation === undefined) {
    return [];
  }
  const { state, lines, shortages, createTime, updateTime, actor } = reservation;
  const what = lines.map(({ productId, quantity }) => `${show.count(quantity)} × ${productId}`).join(", ");
  const short = shortages.map(({ productId, requested, available }) =>
    text.short(productId, show.count(requested), show.count(available)),
  );
  const isRefused = state === Reservation_State.REFUSED;
  const isOver = state !== Reservation_State.HELD && state !== Reservation_State.PINNED && !isRefused;
  return [
    ...at(createTime, {
      key: "reservation",
      kind: "stock",
      title: isRefused ? text.stockRefused : text.stockReserved,
      detail: isRefused ? short.join(", ") : what,
      tone: isRefused ? "bad" : "good",
    }),
    ...(isOver
      ? at(updateTime, {
          key: "reservation ends",
          kind: "stock",
          title: text.stock(show.words(Reservation_State, state)),
          detail: what,
          actor,
          tone: state === Reservation_State.COMMITTED ? "good" : "bad",
        })
      : []),
  ];
}

function paymentEntries(records: OrderRecords, { text, show }: Wording): TimelineEntry[] {
  const { payments = [], refunds = [], disputes = [] } = records;
  return [
    ...payments.flatMap((payment) => {
      const { id, attempt, amount, state, asks, providerChargeId, paymentMethod, createTime, updateTime } = payment;
      const by = paymentMethod === "" ? text.theBalance : paymentMethod;
      const provider = [asks > 0 ? show.counted(text.asked, asks) : "", providerChargeId];
      return [
        ...at(createTime, {
          key: `payment ${id}`,
          kind: "payment",
          title: text.paymentAttempt(show.count(attempt), show.money(amount), by),
          actor: payment.createdBy,
          id,
        }),
        ...(state === Payment_State.PENDING
          ? []
          : at(settleTime(payment, records) ?? updateTime, {
              key: `payment ${id} ${state}`,
              kind: "payment",
              title: text.paymentIs(show.words(Payment_State, state)),
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
        title: text.refundIs(show.money(refund.amount), show.words(Refund_State, refund.state)),
        detail: [refund.reason, refund.failureReason, text.source(show.words(Refund_Source, refund.source))]
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
        title: text.disputeOpened(show.money(amount)),
        detail: reason,
        tone: "bad",
      }),
      ...(state === Dispute_State.OPEN
        ? []
        : at(updateTime, {
            key: `dispute ${id} ends`,
            kind: "payment",
            title: text.disputeIs(show.words(Dispute_State, state)),
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

function ledgerEntries({ entries = [] }: OrderRecords, { text, show }: Wording): TimelineEntry[] {
  return entries.flatMap(({ id, kind, lines, createTime, actor }) =>
    at(createTime, {
      key: `entry ${id}`,
      kind: "ledger",
      title: text.entry(show.entryKind(kind)),
      detail: lines.map(({ account, amount }) => `${account.value ?? ""} ${show.money(amount)}`).join(", "),
      actor,
      id,
    }),
  );
}

function shippingEntries({ shipment }: OrderRecords, { text, show }: Wording): TimelineEntry[] {
  if (shipment === undefined) {
    return [];
  }
  const { kind, state, createTime, updateTime, trackingNumber, refusalReason, recallRefusal } = shipment;
  return [
    ...at(createTime, {
      key: "shipment",
      kind: "shipping",
      title: kind === Shipment_Kind.PICKUP ? text.pickup : text.carrierAsked,
    }),
    ...(state === Shipment_State.PENDING
      ? []
      : at(updateTime, {
          key: `shipment ${state}`,
          kind: "shipping",
          title: text.shipment(show.words(Shipment_State, state)),
          detail: [trackingNumber, refusalReason, recallRefusal].filter((part) => part !== "").join(", "),
          tone: state === Shipment_State.ACCEPTED ? "good" : "bad",
        })),
  ];
}

function incidentEntries({ incidents = [] }: OrderRecords, { text }: Wording): TimelineEntry[] {
  return incidents.flatMap(({ id, step, error, createTime, updateTime, resolution, retryRequestTime, ...who }) => [
    ...at(createTime, {
      key: `incident ${id}`,
      kind: "incident",
      title: text.incident(step),
      detail: error,
      id,
      tone: "bad",
    }),
    ...at(retryRequestTime, {
      key: `incident ${id} retry`,
      kind: "incident",
      title: text.retryRequested(step),
      actor: who.retryRequestedBy,
      id,
    }),
    ...(resolution === ""
      ? []
      : at(updateTime, {
          key: `incident ${id} resolved`,
          kind: "incident",
          title: text.incidentResolved(step),
          detail: resolution,
          actor: who.resolvedBy,
          id,
          tone: "good",
        })),
  ]);
}

function messageEntries({ messages = [], deliveries = [] }: OrderRecords, { text, show }: Wording): TimelineEntry[] {
  return [
    ...messages.flatMap(({ id, channel, subject, recipient, state, lastError, createTime, sendTime }) =>
      at(sendTime ?? createTime, {
        key: `message ${id}`,
        kind: "message",
        title: text.messageIs(show.words(Message_Channel, channel), show.words(Message_State, state), subject),
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
        title: text.webhook(show.words(WebhookDelivery_State, state), eventType),
        detail: [text.toEndpoint(endpointId), show.counted(text.tries, attemptCount), lastError]
          .filter((part) => part !== "")
          .join(", "),
        id,
        tone: state === WebhookDelivery_State.DEAD ? "bad" : "neutral",
      }),
    ),
  ];
}
