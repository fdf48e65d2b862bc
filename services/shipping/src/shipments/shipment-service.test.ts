import { toJson } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { ReadEventsResponseSchema } from "@sagacart/proto/event/v1/event_service";
import {
  BatchCreateShipmentsResponseSchema,
  GetShipmentResponseSchema,
} from "@sagacart/proto/shipping/v1/shipping_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressTo, startTestShipping, type TestShipping } from "../testing/stack.ts";

let stack: TestShipping;
beforeAll(async () => {
  stack = await startTestShipping();
});
afterAll(() => stack[Symbol.asyncDispose]());

const customerId = "customer-1";

async function batch(...items: { orderId: string; customerId: string; address?: ReturnType<typeof addressTo> }[]) {
  const response = await stack.shipping.batchCreateShipments({ items });
  return toJson(BatchCreateShipmentsResponseSchema, response);
}

async function failure(call: Promise<unknown>) {
  const { code, reason, metadata } = errorInfo(await call.catch((error) => error));
  return { code, reason, metadata };
}

test("an order without an address is accepted at once, without the carrier", async () => {
  expect(await batch({ orderId: "pickup", customerId })).toEqual({
    outcomes: [{ orderId: "pickup", accepted: {} }],
  });
  expect(await stack.carrier.get("pickup")).toBeUndefined();
  const { shipment } = await stack.shipping.getShipment({ orderId: "pickup" });
  expect(
    toJson(GetShipmentResponseSchema, { $typeName: "sagacart.shipping.v1.GetShipmentResponse", shipment }),
  ).toEqual({
    shipment: {
      orderId: "pickup",
      customerId,
      kind: "KIND_PICKUP",
      state: "STATE_ACCEPTED",
      createTime: expect.any(String),
      updateTime: expect.any(String),
    },
  });
});

test("outcomes are independent, in the order of the items", async () => {
  const response = await batch(
    { orderId: "z-refused", customerId, address: addressTo("00000") },
    { orderId: "a-accepted", customerId, address: addressTo("10115") },
    { orderId: "m-pickup", customerId },
    { orderId: "b-late", customerId, address: addressTo("00005") },
  );
  expect(response).toEqual({
    outcomes: [
      { orderId: "z-refused", refused: { reason: "REASON_REFUSED", refusalReason: "undeliverable_address" } },
      { orderId: "a-accepted", accepted: { trackingNumber: expect.stringMatching(/^SC\d{10}$/) } },
      { orderId: "m-pickup", accepted: {} },
      { orderId: "b-late", waits: {} },
    ],
  });
});

test("a repeat returns the same outcome, also when refused or cancelled", async () => {
  await stack.shipping.cancelShipment({ orderId: "repeat-cancelled" });
  const items = [
    { orderId: "repeat-accepted", customerId, address: addressTo("10115") },
    { orderId: "repeat-refused", customerId, address: addressTo("00000") },
    { orderId: "repeat-cancelled", customerId },
    { orderId: "repeat-pickup", customerId },
  ];
  const first = await batch(...items);
  expect(await batch(...items)).toEqual(first);
});

test.each([
  ["another customer", { customerId: "customer-2", address: addressTo("10115") }],
  ["another address", { customerId, address: addressTo("10117") }],
  ["no address", { customerId }],
])("a repeat for %s is refused", async (name, other) => {
  const orderId = `differs-${name.replace(" ", "-")}`;
  await batch({ orderId, customerId, address: addressTo("10115") });
  expect(await batch({ orderId, ...other })).toEqual({
    outcomes: [{ orderId, refused: { reason: "REASON_DIFFERS" } }],
  });
  expect(await failure(stack.shipping.createShipment({ orderId, ...other }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "SHIPMENT_DIFFERS",
    metadata: { order_id: orderId },
  });
});

test("a single shipment fails with the carrier's refusal", async () => {
  const call = stack.shipping.createShipment({ orderId: "one-refused", customerId, address: addressTo("00000") });
  expect(await failure(call)).toEqual({
    code: Code.FailedPrecondition,
    reason: "SHIPMENT_REFUSED",
    metadata: { order_id: "one-refused", refusal_reason: "undeliverable_address" },
  });
});

test("a single shipment comes back PENDING while the carrier has not answered", async () => {
  const request = { orderId: "one-late", customerId, address: addressTo("00005") };
  const { shipment } = await stack.shipping.createShipment(request);
  expect(shipment).toMatchObject({ state: 1, kind: 1, address: { postalCode: "00005" } });
});

test("a shipment that was cancelled before it was asked for is refused", async () => {
  const { shipment } = await stack.shipping.cancelShipment({ orderId: "tombstone" });
  expect(shipment).toMatchObject({ state: 4, kind: 0, customerId: "" });
  const call = stack.shipping.createShipment({ orderId: "tombstone", customerId, address: addressTo("10115") });
  expect(await failure(call)).toEqual({
    code: Code.FailedPrecondition,
    reason: "SHIPMENT_CANCELLED",
    metadata: { order_id: "tombstone" },
  });
  expect(await stack.carrier.get("tombstone")).toBeUndefined();
});

test("cancelling gives an accepted shipment back, and a repeat returns the same", async () => {
  await batch({ orderId: "give-back", customerId, address: addressTo("10115") }, { orderId: "leave", customerId });
  for (const orderId of ["give-back", "leave", "give-back", "leave"]) {
    const { shipment } = await stack.shipping.cancelShipment({ orderId });
    expect(shipment).toMatchObject({ orderId, state: 4, customerId });
  }
  expect(await stack.carrier.get("give-back")).toMatchObject({ status: "cancelled" });
});

test("cancelling a refused shipment changes nothing", async () => {
  await batch({ orderId: "refused-cancel", customerId, address: addressTo("00000") });
  const { shipment } = await stack.shipping.cancelShipment({ orderId: "refused-cancel" });
  expect(shipment).toMatchObject({ state: 3, refusalReason: "undeliverable_address" });
});

test("a shipment on its way is not cancelled", async () => {
  await batch({ orderId: "gone", customerId, address: addressTo("10115") });
  await stack.carrier.dispatch("gone");
  expect(await failure(stack.shipping.cancelShipment({ orderId: "gone" }))).toEqual({
    code: Code.FailedPrecondition,
    reason: "SHIPMENT_ON_ITS_WAY",
    metadata: { order_id: "gone" },
  });
  expect(await stack.shipping.getShipment({ orderId: "gone" })).toMatchObject({ shipment: { state: 2 } });
});

test.each([
  ["nobody's", { orderId: "nobody-s" }],
  ["another customer's", { orderId: "somebody-s", customerId: "customer-2" }],
])("%s shipment is not found", async (_, request) => {
  await batch({ orderId: "somebody-s", customerId });
  expect(await failure(stack.shipping.getShipment(request))).toEqual({
    code: Code.NotFound,
    reason: "SHIPMENT_NOT_FOUND",
    metadata: { order_id: request.orderId },
  });
});

test("a list shows a customer's shipments once each, newest first", async () => {
  const orderIds = Array.from({ length: 7 }, (_, index) => `list-${index}`);
  await batch(...orderIds.slice(0, 3).map((orderId) => ({ orderId, customerId: "lister" })));
  await batch(...orderIds.slice(3).map((orderId) => ({ orderId, customerId: "lister" })));
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await stack.shipping.listShipments({ customerId: "lister", pageSize: 3, pageToken });
    seen.push(...page.shipments.map(({ orderId }) => orderId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(seen).toEqual(["list-6", "list-5", "list-4", "list-3", "list-2", "list-1", "list-0"]);
});

test.each([
  ["of another list", token("shipments of somebody", "list-0")],
  ["with a NUL byte", token("shipments of ", "\0")],
  ["that is none", "none"],
])("a page token %s is refused", async (_, pageToken) => {
  expect(await failure(stack.shipping.listShipments({ pageToken }))).toMatchObject({
    code: Code.InvalidArgument,
    reason: "BAD_PAGE_TOKEN",
  });
});

function token(...parts: string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

test("the feed has each shipment's events in their order", async () => {
  await batch({ orderId: "announced", customerId, address: addressTo("10115") });
  await stack.shipping.cancelShipment({ orderId: "announced" });
  await stack.shipping.cancelShipment({ orderId: "announced" });
  const published = async () => {
    const page = toJson(ReadEventsResponseSchema, await stack.events.readEvents({ pageSize: 1000 }));
    return page.events?.filter(({ subject }) => subject === "announced") ?? [];
  };
  await expect.poll(published).toHaveLength(2);
  const data = { orderId: "announced", customerId, kind: "CARRIER", trackingNumber: expect.stringMatching(/^SC/) };
  expect(
    (await published()).map(({ type, sequence, source, data }) => ({
      type,
      sequence,
      source,
      data: JSON.parse(data ?? ""),
    })),
  ).toEqual([
    {
      type: "sagacart.shipment.accepted.v1",
      sequence: "1",
      source: "/sagacart/shipping",
      data: { ...data, state: "ACCEPTED" },
    },
    {
      type: "sagacart.shipment.cancelled.v1",
      sequence: "2",
      source: "/sagacart/shipping",
      data: { ...data, state: "CANCELLED" },
    },
  ]);
});

test("a caller that gets the outcome at once needs no command", async () => {
  const postalCodes = ["10115", "00000"];
  await batch(...postalCodes.map((code) => ({ orderId: `at-once-${code}`, customerId, address: addressTo(code) })));
  const published = await stack.pool.query("select type from events where subject like 'at-once-%' order by subject");
  expect(published.rows.map(({ type }) => type)).toEqual([
    "sagacart.shipment.refused.v1",
    "sagacart.shipment.accepted.v1",
  ]);
  const commands = await stack.pool.query("select from commands where subject like 'at-once-%'");
  expect(commands.rowCount).toBe(0);
});

test("a consumer's lag is measured", async () => {
  await batch({ orderId: "measured", customerId, address: addressTo("10115") });
  await stack.consumers.commitPosition({ name: "reader", position: 0n });
  const lag = () => stack.metrics.getSingleMetricAsString("event_consumer_lag_events");
  await expect.poll(lag).toMatch(/consumer="reader".* [1-9]\d*$/m);
});
