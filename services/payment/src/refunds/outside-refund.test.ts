import { Refund_SourceSchema, Refund_State, Refund_StateSchema } from "@sagacart/proto/payment/v1/payment";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChargeAnswer } from "../card-provider/card-provider.ts";
import { auditBooks } from "../testing/books.ts";
import { attempt, chargeAll, commandsOf, eventsOf, paymentOf, reasonOf, untilSettled, usd } from "../testing/calls.ts";
import { startTestPayment, type TestPayment } from "../testing/stack.ts";
import { refunded, sendWebhook } from "../testing/webhooks.ts";

let shop: TestPayment;
beforeAll(async () => {
  shop = await startTestPayment();
});
afterAll(() => shop[Symbol.asyncDispose]());

let orders = 0;

/** Charges 100 to a card for a new order. Returns the payment's id. */
async function chargeCard(): Promise<string> {
  const orderId = `outside-${++orders}`;
  await chargeAll(shop, [attempt(orderId, { paymentMethod: "pm_ok" })]);
  return (await paymentOf(shop, orderId)).id;
}

async function refundsOf(paymentId: string, of: TestPayment = shop) {
  const { refunds } = await of.payments.listRefunds({ paymentId });
  return refunds.map(({ source, state, amount, providerRefundId }) => [
    Refund_SourceSchema.value[source]?.localName,
    Refund_StateSchema.value[state]?.localName,
    Number(amount?.minorUnits),
    providerRefundId,
  ]);
}

async function entriesOf(paymentId: string): Promise<string[]> {
  const { rows } = await shop.pool.query(
    "select kind from journal_entries where reference = $1 order by create_time, id",
    [paymentId],
  );
  return rows.map(({ kind }) => kind);
}

test.each([
  ["once", [refunded("", { refundId: "re_1", amountMinor: 30 })]],
  ["twice", [1, 2].map(() => refunded("", { refundId: "re_1", amountMinor: 30 }))],
  ["twice, as two events", ["a", "b"].map((id) => refunded("", { refundId: "re_1", amountMinor: 30 }, id))],
  ["with a key that is not the shop's", [refunded("", { refundId: "re_1", refundKey: "theirs", amountMinor: 30 })]],
])("a refund that the merchant made at the provider, told of %s, is recorded once", async (_, events) => {
  const id = await chargeCard();

  for (const event of events) {
    await sendWebhook(shop, { ...event, id: `${event.id}-${id}`, data: { ...event.data, key: id } });
  }
  await untilSettled(shop);

  expect(await refundsOf(id)).toEqual([["PROVIDER", "SUCCEEDED", 30, "re_1"]]);
  expect(await eventsOf(shop, id)).toEqual(["captured", "refunded"]);
  expect(await entriesOf(id)).toEqual(["charge", "outside_refund"]);
  expect((await shop.payments.getPayment({ id })).payment?.refunded).toMatchObject(usd(30n));
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund that the merchant makes at the provider reaches the shop", async () => {
  const id = await chargeCard();

  await shop.provider.refundOutside({ key: `k-${id}`, charge: id, amountMinor: 30n }, { webhooks: 2 });
  await expect.poll(() => refundsOf(id)).toEqual([["PROVIDER", "SUCCEEDED", 30, expect.stringMatching(/^re_/)]]);

  expect(await shop.provider.get(id)).toMatchObject({ refundedMinor: "30" });
});

test.each([
  ["all that is left", {}],
  ["at most an amount", { amount: usd(100n), atMost: true }],
])("a refund of %s pays what the provider has left, although nothing told of the merchant's refund", async (_, ask) => {
  const id = await chargeCard();
  await shop.provider.refundOutside({ key: `k-${id}`, charge: id, amountMinor: 30n }, { webhooks: 0 });

  const { refund } = await shop.payments.refundPayment({ paymentId: id, refundId: `r-${id}`, ...ask });

  expect(refund).toMatchObject({ state: Refund_State.SUCCEEDED, amount: usd(70n) });
  expect((await refundsOf(id)).toSorted()).toEqual([
    ["PROVIDER", "SUCCEEDED", 30, expect.stringMatching(/^re_/)],
    ["SHOP", "SUCCEEDED", 70, ""],
  ]);
  expect(await shop.provider.get(id)).toMatchObject({ refundedMinor: "100" });
  expect((await shop.payments.refundPayment({ paymentId: id, refundId: `r-${id}`, ...ask })).refund).toEqual(refund);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund of an amount that the provider no longer has fails, and the merchant's refund is recorded", async () => {
  const id = await chargeCard();
  await shop.provider.refundOutside({ key: `k-${id}`, charge: id, amountMinor: 30n }, { webhooks: 0 });

  const { refund } = await shop.payments.refundPayment({ paymentId: id, refundId: `r-${id}`, amount: usd(100n) });

  expect(refund).toMatchObject({ state: Refund_State.FAILED, failureReason: "more_than_charged" });
  expect((await shop.payments.getPayment({ id })).payment?.refunded).toMatchObject(usd(30n));
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("fifty refunds that are told of at once, some of them twice, are each recorded once", async () => {
  const id = await chargeCard();

  await Promise.all(
    Array.from({ length: 50 }, (_, index) => {
      const event = refunded(id, { refundId: `re_${index % 20}`, amountMinor: 2 });
      return sendWebhook(shop, { ...event, id: `evt_${id}_${index}` });
    }),
  );
  await untilSettled(shop);

  expect((await refundsOf(id)).length).toBe(20);
  expect((await shop.payments.getPayment({ id })).payment?.refunded).toMatchObject(usd(40n));
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("what is left of the payment is refunded afterwards, and not more", async () => {
  const id = await chargeCard();
  await sendWebhook(shop, { ...refunded(id, { refundId: "re_1", amountMinor: 30 }), id: `evt_${id}` });
  await untilSettled(shop);

  expect(await reasonOf(shop.payments.refundPayment({ paymentId: id, amount: usd(71n) }))).toBe("REFUND_TOO_HIGH");
  const { refund } = await shop.payments.refundPayment({ paymentId: id, amount: usd(20n), refundId: `r-${id}` });
  const again = await shop.payments.refundPayment({
    paymentId: id,
    amount: usd(60n),
    atMost: true,
    refundId: `s-${id}`,
  });

  expect([refund?.amount, again.refund?.amount].map((amount) => amount?.minorUnits)).toEqual([20n, 50n]);
  expect(
    await shop.payments.refundPayment({ paymentId: id, amount: usd(60n), atMost: true, refundId: `s-${id}` }),
  ).toEqual(again);
  expect(await reasonOf(shop.payments.refundPayment({ paymentId: id, amount: usd(1n), atMost: true }))).toBe(
    "REFUND_TOO_HIGH",
  );
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund that the shop asked for is not counted again when a webhook tells of it", async () => {
  const id = await chargeCard();
  const refundId = `own-${id}`;
  await shop.payments.refundPayment({ paymentId: id, amount: usd(40n), refundId });

  for (const eventId of ["a", "b"]) {
    const event = refunded(id, { refundId: "re_7", refundKey: refundId, amountMinor: 40 });
    await sendWebhook(shop, { ...event, id: `${eventId}-${id}` });
  }
  await untilSettled(shop);

  expect(await refundsOf(id)).toEqual([["SHOP", "SUCCEEDED", 40, ""]]);
  expect(await eventsOf(shop, id)).toEqual(["captured", "refunded"]);
  expect(await entriesOf(id)).toEqual(["charge", "refund"]);
});

test.each([
  [
    "an unknown payment",
    (id: string) =>
      refunded(
        id.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
        one,
      ),
  ],
  ["more than was charged", (id: string) => refunded(id, { ...one, amountMinor: 101 })],
  ["another currency", (id: string) => refunded(id, { ...one, currency: "EUR" })],
])("a refund of %s changes nothing and stays in the inbox", async (_, make) => {
  await using own = await startTestPayment();
  await chargeAll(own, [attempt("o", { paymentMethod: "pm_ok" })]);
  const { id } = await paymentOf(own, "o");

  await sendWebhook(own, make(id));
  await expect
    .poll(async () => (await own.pool.query("select from webhooks where tries > 1")).rows.length, { timeout: 10_000 })
    .toBe(1);

  expect((await own.pool.query("select from webhooks where next_try_time is not null")).rows.length).toBe(1);
  expect(await refundsOf(id, own)).toEqual([]);
  expect(await auditBooks(own.pool)).toEqual([]);
});

const one = { refundId: "re_1", amountMinor: 30 };

test.each([
  ["no id", { refundId: undefined }],
  ["no amount", { amountMinor: undefined }],
  ["an amount of nothing", { amountMinor: "0" }],
  ["a negative amount", { amountMinor: "-30" }],
  ["a number as its amount", { amountMinor: 30 }],
  ["a huge amount", { amountMinor: "99999999999999999" }],
  ["no currency", { currency: undefined }],
  ["a currency that is none", { currency: "usd" }],
  ["a key that is no text", { refundKey: 7 }],
])("a webhook about a refund with %s is refused", async (_, other) => {
  const { data, ...event } = refunded("0", one);
  expect(await reasonOf(sendWebhook(shop, { ...event, data: { ...data, ...other } }))).toBe("BAD_WEBHOOK");
});

/** A provider that takes every charge and tells of it by the webhooks of the test only. */
const silent = {
  wrap: () => ({
    charge: async (): Promise<ChargeAnswer> => ({ kind: "pending" }),
    cancel: async (): Promise<ChargeAnswer> => ({ kind: "pending" }),
    refund: async () => ({ kind: "pending" as const }),
    read: async () => ({ kind: "pending" as const }),
  }),
  env: { PROVIDER_BATCH_MS: "10" },
};

test("a refund that comes before the capture of its charge waits for it", async () => {
  await using own = await startTestPayment(silent);
  await chargeAll(own, [attempt("o", { paymentMethod: "pm_ok" })]);
  const { id } = await paymentOf(own, "o");

  await sendWebhook(own, refunded(id, one));
  await expect.poll(async () => (await own.pool.query("select from webhooks where tries > 0")).rows.length).toBe(1);
  expect(await refundsOf(id, own)).toEqual([]);
  await sendWebhook(own, { id: "evt_charge", type: "charge.captured", data: { key: id, chargeId: "ch_1" } });
  await untilSettled(own);

  expect(await refundsOf(id, own)).toEqual([["PROVIDER", "SUCCEEDED", 30, "re_1"]]);
  expect(await eventsOf(own, id)).toEqual(["captured", "refunded"]);
});

test("a webhook settles a refund that the shop waits for, and wakes its workflow", async () => {
  await using own = await startTestPayment(silent);
  await chargeAll(own, [attempt("o", { paymentMethod: "pm_ok" })]);
  const { id } = await paymentOf(own, "o");
  await sendWebhook(own, { id: "evt_charge", type: "charge.captured", data: { key: id, chargeId: "ch_1" } });
  await expect.poll(() => eventsOf(own, id)).toEqual(["captured"]);
  await own.payments.refundPayment({ paymentId: id, amount: usd(80n), refundId: "r" });

  // Beside the shop's own there is room for the first of these, and not for the second.
  await sendWebhook(own, refunded(id, { refundId: "re_2", amountMinor: 20 }));
  await sendWebhook(own, refunded(id, { refundId: "re_3", amountMinor: 30 }));
  await sendWebhook(own, refunded(id, { refundId: "re_1", refundKey: "r", amountMinor: 80 }));

  await expect
    .poll(() => refundsOf(id, own))
    .toEqual([
      ["PROVIDER", "SUCCEEDED", 20, "re_2"],
      ["SHOP", "SUCCEEDED", 80, ""],
    ]);
  expect(await commandsOf(own)).toContain('REFUND_SETTLED o {"state": "SUCCEEDED", "refundId": "r"}');
  expect(await auditBooks(own.pool)).toEqual([]);
});

test("a refund from outside that leaves no room for the shop's own is recorded once the provider has refused that", async () => {
  await using own = await startTestPayment({
    wrap: (provider) => ({
      ...provider,
      refund: async () => (refused ? { kind: "refused", reason: "more_than_charged" } : { kind: "pending" }),
    }),
    env: { PROVIDER_BATCH_MS: "1000", PROVIDER_RECHECK_MS: "100" },
  });
  let refused = false;
  await chargeAll(own, [attempt("o", { paymentMethod: "pm_ok" })]);
  const { id } = await paymentOf(own, "o");
  await own.payments.refundPayment({ paymentId: id, amount: usd(80n), refundId: "r" });

  await sendWebhook(own, refunded(id, one));
  await expect.poll(async () => (await own.pool.query("select from webhooks where tries > 0")).rows.length).toBe(1);
  expect(await refundsOf(id, own)).toEqual([["SHOP", "PENDING", 80, ""]]);
  refused = true;
  await untilSettled(own);

  expect(await refundsOf(id, own)).toEqual([
    ["PROVIDER", "SUCCEEDED", 30, "re_1"],
    ["SHOP", "FAILED", 80, ""],
  ]);
  expect(await auditBooks(own.pool)).toEqual([]);
});
