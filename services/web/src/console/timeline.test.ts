import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Message_Channel, Message_State, MessageSchema } from "@sagacart/proto/notifier/v1/message";
import { WebhookDelivery_State, WebhookDeliverySchema } from "@sagacart/proto/notifier/v1/webhook";
import { IncidentSchema } from "@sagacart/proto/order/v1/incident";
import {
  Order_State,
  OrderChangeSchema,
  OrderRefund_Source,
  OrderRefund_State,
  OrderRefundSchema,
  OrderSchema,
} from "@sagacart/proto/order/v1/order";
import { JournalEntrySchema } from "@sagacart/proto/payment/v1/account";
import {
  Dispute_State,
  DisputeSchema,
  Payment_State,
  PaymentSchema,
  Refund_Source,
  Refund_State,
  RefundSchema,
} from "@sagacart/proto/payment/v1/payment";
import { Shipment_State, ShipmentSchema } from "@sagacart/proto/shipping/v1/shipment";
import { Reservation_State, ReservationSchema } from "@sagacart/proto/stock/v1/reservation";
import { Actor_Kind, ActorSchema } from "@sagacart/proto/type/v1/actor";
import { expect, test } from "vitest";
import { type OrderRecords, timelineOf } from "./timeline.ts";

const at = timestampFromMs;
const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
const olga = create(ActorSchema, { kind: Actor_Kind.OPERATOR, id: "olga" });
const change = (sequence: bigint, state: Order_State, ms: number, reason = "") =>
  create(OrderChangeSchema, { sequence, state, reason, time: at(ms) });
const linesOf = (records: OrderRecords) =>
  timelineOf(records, "en").map(({ kind, title, tone }) => [kind, title, tone]);

const order = create(OrderSchema, { id: "o-1", total: usd(100n), placedBy: { kind: Actor_Kind.CUSTOMER, id: "ada" } });

test("a completed order shows what each service did, in the order of time", () => {
  const records: OrderRecords = {
    order,
    changes: [
      change(1n, Order_State.PENDING, 10),
      change(2n, Order_State.RESERVED, 21),
      change(3n, Order_State.PAID, 41),
      change(4n, Order_State.SHIPPING, 42),
      change(5n, Order_State.COMPLETED, 60),
    ],
    reservation: create(ReservationSchema, {
      state: Reservation_State.COMMITTED,
      lines: [{ productId: "mug", quantity: 2 }],
      createTime: at(20),
      updateTime: at(55),
    }),
    payments: [
      create(PaymentSchema, {
        id: "p-1",
        attempt: 1,
        amount: usd(100n),
        paymentMethod: "pm_ok",
        state: Payment_State.CAPTURED,
        asks: 2,
        createTime: at(30),
        updateTime: at(40),
      }),
    ],
    entries: [
      create(JournalEntrySchema, {
        id: "j-1",
        kind: "charge",
        lines: [{ account: { case: "shopAccount", value: "sales" }, amount: usd(100n) }],
        createTime: at(40),
      }),
    ],
    shipment: create(ShipmentSchema, {
      state: Shipment_State.ACCEPTED,
      trackingNumber: "T1",
      createTime: at(45),
      updateTime: at(50),
    }),
  };

  expect(linesOf(records)).toEqual([
    ["order", "Order placed", "neutral"],
    ["stock", "Stock reserved", "good"],
    ["order", "Reserved", "neutral"],
    ["payment", "Payment attempt 1 of $1.00 by pm_ok", "neutral"],
    ["payment", "Payment captured", "good"],
    ["ledger", "Journal entry: charge", "neutral"],
    ["order", "Paid", "neutral"],
    ["order", "Shipping", "neutral"],
    ["shipping", "Carrier asked", "neutral"],
    ["shipping", "Shipment accepted", "good"],
    ["stock", "Stock committed", "good"],
    ["order", "Completed", "good"],
  ]);
  const entries = timelineOf(records, "en");
  expect(entries[0]?.actor).toMatchObject({ id: "ada" });
  expect(entries.find(({ title }) => title === "Payment captured")?.detail).toBe("asked 2 times");
  expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length);
});

test("in German, a timeline says what happened in German words", () => {
  const records: OrderRecords = {
    order: create(OrderSchema, { ...order, cancelRequestTime: at(50), internalReason: "fraud" }),
    changes: [change(1n, Order_State.PENDING, 1), change(2n, Order_State.CANCELLING, 51)],
    reservation: create(ReservationSchema, {
      state: Reservation_State.RELEASED,
      lines: [{ productId: "mug", quantity: 2_000 }],
      createTime: at(2),
      updateTime: at(60),
    }),
    payments: [
      create(PaymentSchema, {
        id: "p-1",
        attempt: 1,
        amount: usd(12_345_678n),
        state: Payment_State.VOIDED,
        asks: 1,
        createTime: at(3),
        updateTime: at(59),
      }),
    ],
    refunds: [
      create(RefundSchema, {
        id: "r",
        amount: usd(5n),
        state: Refund_State.REFUSED,
        source: Refund_Source.HAND,
        updateTime: at(61),
      }),
    ],
    orderRefunds: [
      create(OrderRefundSchema, {
        id: "r",
        amount: usd(5n),
        reason: "torn",
        state: OrderRefund_State.PENDING,
        source: OrderRefund_Source.PROVIDER,
        createTime: at(60),
      }),
    ],
    entries: [create(JournalEntrySchema, { id: "j-1", kind: "settled_by_hand", createTime: at(62) })],
    messages: [
      create(MessageSchema, {
        channel: Message_Channel.EMAIL,
        state: Message_State.SENT,
        subject: "Hi",
        sendTime: at(63),
      }),
    ],
    deliveries: [
      create(WebhookDeliverySchema, {
        eventType: "e",
        endpointId: "w",
        attemptCount: 1,
        state: WebhookDelivery_State.DEAD,
        endTime: at(64),
      }),
    ],
  };
  // The space before a currency is one that does not break.
  const entries = timelineOf(records, "de").map(({ title, detail }) =>
    [title, detail].map((text) => text.replaceAll(/\s/g, " ")),
  );
  expect(entries).toEqual([
    ["Bestellung aufgegeben", ""],
    ["Ware reserviert", "2.000 × mug"],
    ["Zahlungsversuch 1 über 123.456,78 $ mit Guthaben", ""],
    ["Stornierung verlangt", "fraud"],
    ["Wird rückgängig gemacht", ""],
    ["Zahlung aufgehoben", "1-mal angefragt"],
    ["Erstattung von 0,05 $ verlangt", "torn, beim Kartendienstleister, ausstehend"],
    ["Ware freigegeben", "2.000 × mug"],
    ["Erstattung von 0,05 $ verweigert", "Quelle: Von Hand"],
    ["Buchung: Von Hand ausgeglichen", ""],
    ["E-Mail, gesendet: Hi", ""],
    ["Webhook unzustellbar: e", "Endpunkt w, 1 Versuch"],
  ]);
});

test("a payment that was refunded in part was captured when the ledger says, and the order's later changes are told apart", () => {
  const records: OrderRecords = {
    order,
    changes: [
      change(1n, Order_State.PENDING, 1),
      change(2n, Order_State.COMPLETED, 20),
      change(3n, Order_State.COMPLETED, 90),
    ],
    payments: [
      create(PaymentSchema, { id: "p-1", state: Payment_State.CAPTURED, createTime: at(5), updateTime: at(90) }),
    ],
    entries: [
      create(JournalEntrySchema, { id: "j-2", kind: "refund", reference: "p-1", createTime: at(89) }),
      create(JournalEntrySchema, { id: "j-1", kind: "charge", reference: "p-1", createTime: at(10) }),
    ],
  };
  expect(timelineOf(records, "en").map(({ title }) => title)).toEqual([
    "Order placed",
    "Payment attempt 0 of – by the balance",
    "Payment captured",
    "Journal entry: charge",
    "Completed",
    "Journal entry: refund",
    "Changed while completed",
  ]);
});

test("a cancelled order names who cancelled it, and what was undone", () => {
  const cancelled = create(OrderSchema, {
    ...order,
    cancelRequestTime: at(5),
    cancelledBy: olga,
    internalReason: "fraud",
  });
  const entries = timelineOf(
    {
      order: cancelled,
      changes: [
        change(1n, Order_State.PENDING, 1),
        change(2n, Order_State.CANCELLING, 6, "CANCELLED_BY_SHOP"),
        change(3n, Order_State.CANCELLED, 9),
      ],
      reservation: create(ReservationSchema, {
        state: Reservation_State.RELEASED,
        createTime: at(2),
        updateTime: at(8),
      }),
      payments: [create(PaymentSchema, { id: "p", state: Payment_State.VOIDED, createTime: at(3), updateTime: at(7) })],
    },
    "en",
  );
  expect(entries.map(({ title }) => title)).toEqual([
    "Order placed",
    "Stock reserved",
    "Payment attempt 0 of – by the balance",
    "Cancellation requested",
    "Cancelling",
    "Payment voided",
    "Stock released",
    "Cancelled",
  ]);
  expect(entries[3]).toMatchObject({ actor: { id: "olga" }, detail: "fraud", tone: "bad" });
});

test("a sold-out order says what was short", () => {
  const entries = timelineOf(
    {
      order,
      changes: [change(1n, Order_State.PENDING, 1), change(2n, Order_State.REJECTED, 3, "OUT_OF_STOCK")],
      reservation: create(ReservationSchema, {
        state: Reservation_State.REFUSED,
        createTime: at(2),
        updateTime: at(2),
        shortages: [{ productId: "mug", requested: 3, available: 1 }],
      }),
    },
    "en",
  );
  expect(entries.filter(({ kind }) => kind === "stock")).toMatchObject([
    { title: "Stock refused", detail: "mug: 3 asked, 1 there", tone: "bad" },
  ]);
});

test("refunds, disputes and incidents are on it with who did what", () => {
  const records: OrderRecords = {
    order,
    changes: [],
    orderRefunds: [
      create(OrderRefundSchema, {
        id: "r",
        amount: usd(5n),
        reason: "torn",
        state: OrderRefund_State.SUCCEEDED,
        source: OrderRefund_Source.ORDER,
        requestedBy: olga,
        createTime: at(1),
      }),
    ],
    refunds: [
      create(RefundSchema, {
        id: "r",
        amount: usd(5n),
        state: Refund_State.REFUSED,
        source: Refund_Source.SHOP,
        failureReason: "card_closed",
        updateTime: at(2),
      }),
    ],
    disputes: [
      create(DisputeSchema, {
        id: "d",
        amount: usd(9n),
        reason: "fraudulent",
        state: Dispute_State.LOST,
        createTime: at(3),
        updateTime: at(4),
      }),
    ],
    incidents: [
      create(IncidentSchema, {
        id: "i",
        step: "refund",
        error: "refused",
        createTime: at(5),
        retryRequestTime: at(6),
        retryRequestedBy: olga,
        updateTime: at(7),
        resolution: "paid in cash",
        resolvedBy: olga,
      }),
    ],
  };
  expect(linesOf(records)).toEqual([
    ["order", "Refund of $0.05 requested", "neutral"],
    ["payment", "Refund of $0.05 refused", "bad"],
    ["payment", "Dispute of $0.09 opened", "bad"],
    ["payment", "Dispute lost", "bad"],
    ["incident", "Incident: refund", "bad"],
    ["incident", "Retry of refund requested", "neutral"],
    ["incident", "Incident resolved: refund", "good"],
  ]);
  expect(timelineOf(records, "en").map(({ actor }) => actor?.id)).toEqual([
    "olga",
    undefined,
    undefined,
    undefined,
    undefined,
    "olga",
    "olga",
  ]);
});

test("what has no time is not on it, and an order that was just placed has one entry", () => {
  const records: OrderRecords = {
    order,
    changes: [change(1n, Order_State.PENDING, 1)],
    shipment: create(ShipmentSchema, {}),
  };
  expect(timelineOf(records, "en")).toHaveLength(1);
});
