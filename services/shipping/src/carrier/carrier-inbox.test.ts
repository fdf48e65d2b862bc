import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { signWebhook } from "@sagacart/provider/webhook-signature";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
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

async function parkedOf(id: string) {
  const { webhooks } = await stack.shipping.listParkedWebhooks({ pageSize: 100 });
  return webhooks.find((webhook) => webhook.id === id);
}

/** Lets the pauses between tries end at once, until this webhook is parked. */
async function untilParked(id: string) {
  return await vi.waitUntil(
    async () => {
      await stack.pool.query(
        "update webhooks set tries = greatest(tries, 29), next_try_time = now() where id = $1 and next_try_time > now()",
        [id],
      );
      return await parkedOf(id);
    },
    { timeout: 60_000, interval: 20 },
  );
}

/** Makes an event of an order that is there already, so that its shipment cannot be settled. */
async function obstruct(orderId: string) {
  await make(orderId);
  const event = "insert into events (subject, sequence, id, type, data) values ($1, 1, gen_random_uuid(), 'x', '{}')";
  await stack.pool.query(event, [orderId]);
  return () => stack.pool.query("delete from events where subject = $1 and type = 'x'", [orderId]);
}

const unknownHere = "what it is about is not known here, or does not accept it yet";

test.each([
  ["an acceptance", "shipment.accepted", { trackingNumber: "SC1" }, { state: 2, trackingNumber: "SC1" }],
  ["a refusal", "shipment.refused", { reason: "too_heavy" }, { state: 3, refusalReason: "too_heavy" }],
])(
  "%s of a shipment that is made long after is parked, and applied once it is made",
  async (_, type, data, expected) => {
    const orderId = `late-${type}`;
    await send(event(`evt-${orderId}`, orderId, type, data));
    expect(await untilParked(`evt-${orderId}`)).toMatchObject({ type, key: orderId, error: unknownHere, tries: 30 });
    expect(await processed(`evt-${orderId}`)).toBe(true);

    await make(orderId);
    // The next webhook that is applied has the parked ones looked at; otherwise that is done every minute.
    await make(`other-${orderId}`);
    await send(event(`evt-other-${orderId}`, `other-${orderId}`));

    await expect.poll(() => shipmentOf(orderId), { timeout: 60_000 }).toMatchObject(expected);
    await expect.poll(() => parkedOf(`evt-${orderId}`), { timeout: 60_000 }).toBeUndefined();
    expect([await count("events", orderId), await count("commands", orderId)]).toEqual([1, 1]);
  },
);

test.each([
  ["of a shipment that is not the shop's", "elsewhere", async () => {}, unknownHere],
  ["of a shipment that cannot be settled", "stuck", obstruct, expect.stringContaining("duplicate key")],
])("a webhook %s is parked, and an operator can give it up", async (_, orderId, prepare, error) => {
  await prepare(orderId);
  const id = `evt-${orderId}`;
  await send(event(id, orderId));
  expect(await untilParked(id)).toMatchObject({ type: "shipment.accepted", key: orderId, error });

  const { webhook } = await stack.shipping.dismissParkedWebhook({ id, reason: "of the test shop" });

  expect(webhook).toMatchObject({ id, error: "of the test shop" });
  expect(await parkedOf(id)).toBeUndefined();
  // It is given up for good, also when the carrier sends it again.
  await send(event(id, orderId));
  expect(await processed(id)).toBe(true);
  const again = stack.shipping.retryParkedWebhook({ id }).catch((failure: unknown) => errorInfo(failure));
  expect(await again).toMatchObject({ code: Code.NotFound, reason: "WEBHOOK_NOT_FOUND" });
});

test("a parked webhook is applied when an operator retries it after mending the cause, and others were not held up", async () => {
  const mend = await obstruct("mended");
  await send(event("evt-mended", "mended"));
  await untilParked("evt-mended");
  await make("beside");
  await send(event("evt-beside", "beside"));
  await expect.poll(() => shipmentOf("beside"), { timeout: 60_000 }).toMatchObject({ state: 2 });

  await mend();
  const { webhook } = await stack.shipping.retryParkedWebhook({ id: "evt-mended" });

  expect(webhook?.parkTime).toBeUndefined();
  await expect.poll(() => shipmentOf("mended"), { timeout: 60_000 }).toMatchObject({ state: 2, trackingNumber: "SC1" });
  expect(await parkedOf("evt-mended")).toBeUndefined();
});

test.each(["retry", "dismiss"] as const)("%s of a webhook that is not parked is refused", async (method) => {
  await make(`not-parked-${method}`);
  const id = `evt-not-parked-${method}`;
  await send(event(id, `not-parked-${method}`));
  await expect.poll(() => processed(id), { timeout: 60_000 }).toBe(true);
  for (const unknown of [id, "nobody"]) {
    const call =
      method === "retry"
        ? stack.shipping.retryParkedWebhook({ id: unknown })
        : stack.shipping.dismissParkedWebhook({ id: unknown, reason: "twice" });
    expect(await call.catch((failure: unknown) => errorInfo(failure))).toMatchObject({
      code: Code.NotFound,
      reason: "WEBHOOK_NOT_FOUND",
      metadata: { webhook_id: unknown },
    });
  }
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
