import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { signWebhook } from "@sagacart/provider/webhook-signature";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressTo, carrierSecrets, startTestShipping, type TestShipping } from "../testing/stack.ts";

let stack: TestShipping;
beforeAll(async () => {
  // The carrier is asked by hand only: nothing but webhooks settles anything here.
  stack = await startTestShipping({
    wrap: (carrier) => ({ ...carrier, create: async () => ({ kind: "pending" }) }),
  });
});
afterAll(() => stack[Symbol.asyncDispose]());

function event(id: string, key: string, type = "shipment.accepted", data: object = { trackingNumber: "SC1" }) {
  return Buffer.from(JSON.stringify({ id, type, data: { key, ...data } }));
}

function send(body: Buffer, options: { provider?: string; signature?: string } = {}) {
  const { provider = "carrier", signature = signWebhook(body, carrierSecrets.webhookSecret, new Date()) } = options;
  return stack.shipping.receiveWebhook({ provider, body, signature });
}

async function make(orderId: string) {
  const items = [{ orderId, customerId: "customer-1", address: addressTo("10115") }];
  const { outcomes } = await stack.shipping.batchCreateShipments({ items });
  return outcomes[0]?.outcome;
}

async function shipmentOf(orderId: string) {
  const { shipment } = await stack.shipping.getShipment({ orderId });
  return shipment;
}

async function count(table: "events" | "commands", orderId: string) {
  return (await stack.pool.query(`select from ${table} where subject = $1`, [orderId])).rowCount;
}

async function processed(id: string) {
  const { rows } = await stack.pool.query("select next_try_time is null as done from webhooks where id = $1", [id]);
  return rows[0]?.done;
}

test("a webhook settles the shipment and tells the workflow", async () => {
  await make("known");
  await send(event("evt-known", "known"));
  await expect.poll(() => shipmentOf("known")).toMatchObject({ state: 2, trackingNumber: "SC1" });
  expect([await count("events", "known"), await count("commands", "known")]).toEqual([1, 1]);
});

test("a webhook can refuse a shipment", async () => {
  await make("refused");
  await send(event("evt-refused", "refused", "shipment.refused", { reason: "too_heavy" }));
  await expect.poll(() => shipmentOf("refused")).toMatchObject({ state: 3, refusalReason: "too_heavy" });
});

test("the same webhook many times at once is applied once", async () => {
  await make("many");
  await Promise.all(Array.from({ length: 20 }, () => send(event("evt-many", "many"))));
  await expect.poll(() => shipmentOf("many")).toMatchObject({ state: 2 });
  await send(event("evt-many", "many"));
  expect([await count("events", "many"), await count("commands", "many")]).toEqual([1, 1]);
});

test("of two contradicting webhooks the first counts", async () => {
  await make("contradicted");
  await send(event("evt-yes", "contradicted"));
  await send(event("evt-no", "contradicted", "shipment.refused", { reason: "too_heavy" }));
  await expect.poll(() => processed("evt-no")).toBe(true);
  expect(await shipmentOf("contradicted")).toMatchObject({ state: 2, refusalReason: "" });
  expect(await count("events", "contradicted")).toBe(1);
});

test("a webhook about an unknown shipment is kept, and applied once the shipment exists", async () => {
  await send(event("evt-early", "early"));
  expect(await processed("evt-early")).toBe(false);
  await make("early");
  await expect.poll(() => shipmentOf("early")).toMatchObject({ state: 2 });
});

test("an acceptance by webhook of a cancelled shipment is called back", async () => {
  await stack.shipping.cancelShipment({ orderId: "cancelled" });
  await send(event("evt-cancelled", "cancelled"));
  await expect.poll(() => processed("evt-cancelled")).toBe(true);
  expect(await shipmentOf("cancelled")).toMatchObject({ state: 4, trackingNumber: "" });
  const recalled = () => stack.pool.query("select from shipments where order_id = 'cancelled' and recalls > 0");
  await expect.poll(async () => (await recalled()).rowCount).toBe(1);
});

test("a webhook that cannot be applied stays, and does not hold up the others", async () => {
  await make("bad");
  await make("good");
  // Its event is there already, so that it cannot be settled.
  await stack.pool.query(
    "insert into events (subject, sequence, id, type, data) values ('bad', 1, gen_random_uuid(), 'x', '{}')",
  );

  await send(event("evt-of-bad", "bad"));
  await send(event("evt-of-good", "good"));

  await expect.poll(() => shipmentOf("good")).toMatchObject({ state: 2 });
  expect(await processed("evt-of-good")).toBe(true);
  expect(await processed("evt-of-bad")).toBe(false);
  await stack.pool.query("delete from events where subject = 'bad'");
});

test("an event of a type that needs nothing done is finished", async () => {
  await make("scanned");
  await send(event("evt-scanned", "scanned", "shipment.scanned"));
  await expect.poll(() => processed("evt-scanned")).toBe(true);
  expect(await shipmentOf("scanned")).toMatchObject({ state: 1 });
});

const good = event("evt-bad", "known");

test.each([
  ["without a signature", good, { signature: "" }, "BAD_SIGNATURE", Code.Unauthenticated],
  [
    "signed by somebody else",
    good,
    { signature: signWebhook(good, "guess", new Date()) },
    "BAD_SIGNATURE",
    Code.Unauthenticated,
  ],
  [
    "of an hour ago",
    good,
    { signature: signWebhook(good, carrierSecrets.webhookSecret, new Date(Date.now() - 3_600_000)) },
    "BAD_SIGNATURE",
    Code.Unauthenticated,
  ],
  ["of nobody's", good, { provider: "nobody" }, "PROVIDER_NOT_FOUND", Code.NotFound],
  ["that is no JSON", Buffer.from("{"), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  ["that is no text", Buffer.from([0xff, 0xfe]), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  ["that is a list", Buffer.from("[]"), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  ["that is null", Buffer.from("null"), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  ["that is empty", Buffer.alloc(0), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  ["without an id", event("", "known"), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  ["with a NUL byte in its id", event("evt-\0", "known"), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  ["without a key", event("evt-bad", ""), {}, "BAD_WEBHOOK", Code.InvalidArgument],
  [
    "without a tracking number",
    event("evt-bad", "known", "shipment.accepted", {}),
    {},
    "BAD_WEBHOOK",
    Code.InvalidArgument,
  ],
  [
    "with a NUL byte in its reason",
    event("evt-bad", "known", "shipment.refused", { reason: "\0" }),
    {},
    "BAD_WEBHOOK",
    Code.InvalidArgument,
  ],
])("a webhook %s is refused", async (_, body, options, reason, code) => {
  expect(errorInfo(await send(body, options).catch((error) => error))).toMatchObject({ reason, code });
  expect(await processed("evt-bad")).toBeUndefined();
});
