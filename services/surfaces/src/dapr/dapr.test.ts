import { Code, ConnectError } from "@connectrpc/connect";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { Payment_State, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestSurfaces, type TestSurfaces } from "../testing/surfaces.ts";

let standIn: StandIn;
let surfaces: TestSurfaces;

beforeAll(async () => {
  standIn = await startStandIn();
  surfaces = await startTestSurfaces(standIn.address);
});

afterAll(async () => {
  await surfaces[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

afterEach(() => {
  standIn.asked.length = 0;
});

const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });
const address = { recipient: "R", line1: "L 1", city: "C", postalCode: "00000", countryCode: "DE" };

test("creating an order runs the whole saga and waits for its end", async () => {
  standIn.answer("Checkout", () => ({
    order: { id: "o", customerId: "c", state: Order_State.COMPLETED, total: usd(500n) },
  }));
  const body = {
    customerId: "c",
    items: [{ productId: "p", quantity: 2 }],
    paymentMethod: "pm_ok",
    address,
    waitSeconds: 90,
  };
  const answer = await surfaces.send("POST /api/orders", { body, headers: { "idempotency-key": "k" } });
  expect(answer.status).toBe(201);
  expect(answer.headers.get("location")).toBe("/api/orders/o");
  expect(answer.body).toMatchObject({ id: "o", status: "COMPLETED", final: true, total: 500, currency: "USD" });
  expect(standIn.asked[0]?.request).toEqual({
    customerId: "c",
    lines: [{ productId: "p", quantity: 2 }],
    paymentMethod: "pm_ok",
    shippingAddress: address,
    waitFor: "WAIT_FOR_COMPLETED",
    waitAtMost: "90s",
    requestId: "k",
  });
});

test("an unfinished order is 202; a refused one is CANCELLED, with the reason", async () => {
  const body = { customerId: "c", items: [{ productId: "p", quantity: 2 }] };
  standIn.answer("Checkout", () => ({ order: { id: "o", state: Order_State.PAID } }));
  expect(await surfaces.send("POST /api/orders", { body })).toMatchObject({
    status: 202,
    body: { status: "PAID", final: false },
  });
  const shortages = [{ productId: "p", requested: 2, available: 1 }];
  standIn.answer("Checkout", () => ({
    order: { id: "o", state: Order_State.REJECTED, outcomeReason: "OUT_OF_STOCK", shortages },
  }));
  expect(await surfaces.send("POST /api/orders", { body })).toMatchObject({
    status: 201,
    body: { status: "CANCELLED", final: true, reason: "OUT_OF_STOCK", shortages },
  });
});

const change = (state: Order_State, seconds: bigint) => ({ state, sequence: seconds + 1n, time: { seconds } });

test("the status has the saga's step, its attempt, and the incident of its batch", async () => {
  standIn.answer("GetOrder", () => ({
    order: { id: "o", state: Order_State.RESERVED, workflowId: "batch-1", payment: { attempt: 1 } },
    changes: [change(Order_State.PENDING, 0n), change(Order_State.RESERVED, 1n)],
  }));
  const incident = {
    id: "i",
    orderId: "other",
    workflowId: "batch-1",
    step: "charge",
    error: "no answer",
    attempts: 2,
  };
  standIn.answer("ListIncidents", ({ orderId }) => ({ incidents: orderId === "o" ? [] : [incident] }));
  expect((await surfaces.send("GET /api/orders/o/status")).body).toEqual({
    id: "o",
    status: "RESERVED",
    final: false,
    reason: null,
    detail: null,
    underWay: "taking the payment",
    step: "pay",
    attempt: 3,
    incident: { id: "i", step: "charge", error: "no answer", since: null },
    payment: { attempt: 1, declineReason: null },
    steps: [
      { name: "create", state: "DONE", time: "1970-01-01T00:00:00.000Z" },
      { name: "reserve", state: "DONE", time: "1970-01-01T00:00:01.000Z" },
      { name: "pay", state: "RUNNING", time: null },
      { name: "ship", state: "NOT_REACHED", time: null },
      { name: "complete", state: "NOT_REACHED", time: null },
    ],
    compensating: false,
    compensation: null,
    workflowId: "batch-1",
    changes: [
      { status: "PENDING", reason: null, time: "1970-01-01T00:00:00.000Z" },
      { status: "RESERVED", reason: null, time: "1970-01-01T00:00:01.000Z" },
    ],
  });
  expect(standIn.asked.map(({ rpc }) => rpc)).toEqual(["GetOrder", "ListIncidents", "ListIncidents"]);
  expect((await surfaces.send("GET /api/orders/o")).body).toMatchObject({ id: "o", status: "RESERVED" });
});

test("during compensation the status has what is undone and what remains, also with payment away", async () => {
  standIn.answer("GetOrder", () => ({
    order: { id: "o", state: Order_State.CANCELLING, outcomeReason: "SHIPMENT_REFUSED" },
    changes: [Order_State.PENDING, Order_State.RESERVED, Order_State.PAID, Order_State.CANCELLING].map((state) =>
      change(state, 1n),
    ),
  }));
  standIn.answer("ListIncidents", () => ({}));
  const lines = [{ productId: "p", quantity: 1 }];
  standIn.answer("GetReservation", () => ({ reservation: { id: "o", state: Reservation_State.PINNED, lines } }));
  const paid = { amount: usd(5n), refunded: usd(5n), state: Payment_State.VOIDED };
  standIn.answer("ListPayments", () => ({ payments: [paid] }));
  expect((await surfaces.send("GET /api/orders/o/status")).body).toMatchObject({
    step: "release",
    compensating: true,
    compensation: { undone: ["payment"], toUndo: ["stock"] },
  });
  standIn.answer("ListPayments", () => {
    throw new ConnectError("payment is being started", Code.Unavailable);
  });
  expect((await surfaces.send("GET /api/orders/o/status")).body).toMatchObject({
    step: "refund",
    compensation: { undone: [], toUndo: ["payment", "stock"] },
  });
});

test("stock is shown, reserved by hand and released", async () => {
  const product = { id: "p", title: "P", price: usd(5n), onHand: 9, reserved: 2, available: 7 };
  standIn.answer("GetProduct", () => ({ product }));
  standIn.answer("ReserveStock", () => ({ reservation: { id: "r" } }));
  standIn.answer("ReleaseManually", () => ({ product }));
  const inventory = {
    productId: "p",
    title: "P",
    price: 5,
    currency: "USD",
    onHand: 9,
    reservedInAll: 2,
    available: 7,
  };
  expect((await surfaces.send("GET /api/inventory/p")).body).toEqual(inventory);
  const headers = { "idempotency-key": "k" };
  const reserved = await surfaces.send("POST /api/inventory/p/reserve", { body: { quantity: 2 }, headers });
  expect(reserved.body).toEqual({ reservationId: "r", reserved: 2, ...inventory });
  const released = await surfaces.send("POST /api/inventory/p/release", { body: { quantity: 2 }, headers });
  expect(released.body).toEqual({ released: 2, ...inventory });
  expect(standIn.asked.filter(({ rpc }) => rpc !== "GetProduct").map(({ request }) => request)).toEqual([
    { kind: "KIND_MANUAL", lines: [{ productId: "p", quantity: 2 }], requestId: "k" },
    { productId: "p", quantity: 2, requestId: "k" },
  ]);
});

test("money is charged by hand and refunded, in part or in full", async () => {
  standIn.answer("CreatePayment", () => ({
    payment: { id: "pay", customerId: "c", amount: usd(5n), state: Payment_State.CAPTURED },
  }));
  standIn.answer("RefundPayment", () => ({
    refund: { id: "ref", paymentId: "pay", amount: usd(3n), state: Refund_State.SUCCEEDED },
  }));
  const headers = { "idempotency-key": "k" };
  const payment = await surfaces.send("POST /api/payments", { body: { customerId: "c", amount: 5 }, headers });
  expect(payment).toMatchObject({ status: 201, body: { id: "pay", status: "CAPTURED", amount: 5 } });
  const refund = await surfaces.send("POST /api/payments/pay/refund", { body: { amount: 3, reason: "late" }, headers });
  expect(refund).toMatchObject({ status: 201, body: { id: "ref", paymentId: "pay", status: "SUCCEEDED", amount: 3 } });
  expect((await surfaces.send("POST /api/payments/pay/refund", { headers })).status).toBe(201);
  const amount = { currencyCode: "USD", minorUnits: "3" };
  expect(standIn.asked.slice(1).map(({ request }) => request)).toEqual([
    { paymentId: "pay", amount, reason: "late", requestId: "k" },
    { paymentId: "pay", requestId: "k" },
  ]);
});
