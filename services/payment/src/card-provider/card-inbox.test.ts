import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { expect, test } from "vitest";
import { auditBooks } from "../testing/books.ts";
import { attempt, chargeAll, commandsOf, eventsOf, paymentOf, untilSettled, usd, voidAll } from "../testing/calls.ts";
import { startTestPayment } from "../testing/stack.ts";
import { refunded, sendWebhook as send } from "../testing/webhooks.ts";
import type { ChargeAnswer, ChargeReading } from "./card-provider.ts";

function captured(key: string, id = "evt_1") {
  return { id, type: "charge.captured", data: { key, chargeId: "ch_1" } };
}

/** A provider that takes every charge, and tells of it by the webhooks of the test only. */
const silent = {
  wrap: () => ({
    charge: async (): Promise<ChargeAnswer> => ({ kind: "pending" }),
    cancel: async (): Promise<ChargeAnswer> => ({ kind: "pending" }),
    refund: async () => ({ kind: "succeeded" as const }),
    read: async (): Promise<ChargeReading> => ({ kind: "pending" }),
  }),
};

const card = [attempt("o", { paymentMethod: "pm_ok" })];

test("a webhook settles the payment that waits for it, and a repeat has no further effect", async () => {
  await using shop = await startTestPayment(silent);
  expect(await chargeAll(shop, card)).toEqual(["waits"]);
  const { id } = await paymentOf(shop, "o");

  await send(shop, captured(id));
  await send(shop, captured(id));
  await send(shop, captured(id, "evt_2"));
  await untilSettled(shop);

  expect(await chargeAll(shop, card)).toEqual(["captured"]);
  expect(await eventsOf(shop, id)).toEqual(["captured"]);
  expect(await commandsOf(shop)).toEqual(['PAYMENT_SETTLED o {"state": "CAPTURED", "attempt": 1}']);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("the same webhook fifty times at once is applied once", async () => {
  await using shop = await startTestPayment(silent);
  await chargeAll(shop, card);
  const { id } = await paymentOf(shop, "o");

  await Promise.all(Array.from({ length: 50 }, (_, index) => send(shop, captured(id, `evt_${index % 5}`))));
  await untilSettled(shop);

  expect((await shop.pool.query("select count(*) from webhooks")).rows[0].count).toBe(5n);
  expect(await eventsOf(shop, id)).toEqual(["captured"]);
});

test("a webhook can decline a payment, with the reason", async () => {
  await using shop = await startTestPayment(silent);
  await chargeAll(shop, card);
  const { id } = await paymentOf(shop, "o");

  await send(shop, { id: "evt_1", type: "charge.declined", data: { key: id, reason: "card_expired" } });
  await untilSettled(shop);

  expect(await chargeAll(shop, card)).toEqual(["DECLINED card_expired"]);
});

test("a webhook that comes before the provider's answer counts, and the answer changes nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using shop = await startTestPayment({
    wrap: (provider) => ({
      ...provider,
      async charge(key, content, signal) {
        const answer = await provider.charge(key, content, signal);
        await promise;
        return answer;
      },
    }),
  });
  const charging = chargeAll(shop, card);
  await expect.poll(async () => (await shop.provider.list()).length).toBe(1);
  const { id } = await paymentOf(shop, "o");

  await send(shop, captured(id));
  await expect.poll(async () => (await paymentOf(shop, "o")).state).toBe(Payment_State.CAPTURED);
  resolve();

  expect(await charging).toEqual(["captured"]);
  expect(await eventsOf(shop, id)).toEqual(["captured"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a webhook that comes after the void is recorded as captured and refunded, once", async () => {
  await using shop = await startTestPayment(silent);
  await chargeAll(shop, card);
  const { id } = await paymentOf(shop, "o");
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["waits"]);

  await send(shop, captured(id));
  await send(shop, captured(id, "evt_2"));
  await untilSettled(shop);

  expect(await paymentOf(shop, "o")).toMatchObject({ state: Payment_State.VOIDED, refunded: usd(100n) });
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect(await eventsOf(shop, id)).toEqual(["voided", "refunded"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test.each([
  ["declined", { type: "charge.declined", reason: "card_expired" }, Payment_State.DECLINED],
  ["cancelled", undefined, Payment_State.VOIDED],
])("a charge that is captured although it was %s is recorded and refunded", async (_, declined, state) => {
  await using shop = await startTestPayment(
    declined === undefined
      ? { wrap: () => ({ ...silent.wrap(), cancel: async () => ({ kind: "cancelled" as const }) }) }
      : silent,
  );
  await chargeAll(shop, card);
  const { id } = await paymentOf(shop, "o");
  if (declined === undefined) {
    expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["voided"]);
  } else {
    await send(shop, { id: "evt_0", type: declined.type, data: { key: id, reason: declined.reason } });
    await untilSettled(shop);
  }

  await send(shop, captured(id));
  await untilSettled(shop);

  expect(await paymentOf(shop, "o")).toMatchObject({ state, refunded: usd(100n) });
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a webhook about an unknown charge is kept, and applied once the charge exists", async () => {
  await using shop = await startTestPayment(silent);
  const id = "0190a0a0-0000-7000-8000-000000000001";
  await send(shop, captured(id));
  const tries = async () => (await shop.pool.query("select tries, next_try_time from webhooks")).rows[0];
  await expect.poll(tries).toMatchObject({ tries: 1, next_try_time: expect.any(Date) });

  await shop.pool.query(
    `insert into payments (id, kind, order_id, attempt, customer_id, currency, amount_minor, payment_method, state,
                           next_ask_time)
     values ($1, 'ORDER', 'o', 1, 'ada', 'USD', 100, 'pm_ok', 'PENDING', now() + interval '1 hour')`,
    [id],
  );
  await shop.pool.query("update webhooks set next_try_time = now()");
  await untilSettled(shop);

  expect((await paymentOf(shop, "o")).state).toBe(Payment_State.CAPTURED);
});

test("a webhook that cannot be applied stays, and does not hold up the others", async () => {
  await using shop = await startTestPayment(silent);
  await chargeAll(shop, [...card, attempt("bad", { paymentMethod: "pm_ok" })]);
  const { id } = await paymentOf(shop, "o");
  const { id: bad } = await paymentOf(shop, "bad");
  // Its event is there already, so that it cannot be settled.
  await shop.pool.query(
    "insert into events (subject, sequence, id, type, data) values ($1, 1, gen_random_uuid(), 'x', '{}')",
    [bad],
  );

  await Promise.all([send(shop, captured(bad, "evt_bad")), send(shop, captured(id, "evt_good"))]);

  await expect.poll(async () => (await paymentOf(shop, "o")).state).toBe(Payment_State.CAPTURED);
  await expect
    .poll(async () => (await shop.pool.query("select id from webhooks where next_try_time is not null")).rows)
    .toEqual([{ id: "evt_bad" }]);
});

test("an event of a type that needs nothing done is acknowledged and finished", async () => {
  await using shop = await startTestPayment(silent);

  await send(shop, { id: "evt_1", type: "charge.updated", data: { key: "k" } });

  await untilSettled(shop);
  expect((await shop.pool.query("select id from webhooks")).rows).toEqual([{ id: "evt_1" }]);
});

test("each refusal of a webhook has its reason, and stores nothing", async () => {
  await using shop = await startTestPayment(silent);
  const event = captured("0190a0a0-0000-7000-8000-000000000001");
  const failure = async (call: Promise<unknown>) => errorInfo(await call.catch((error) => error));
  const bad = { code: Code.InvalidArgument, reason: "BAD_WEBHOOK" };
  const unsigned = { code: Code.Unauthenticated, reason: "BAD_SIGNATURE" };

  expect(await failure(send(shop, event, { provider: "bank" }))).toMatchObject({
    code: Code.NotFound,
    reason: "PROVIDER_NOT_FOUND",
    message: 'there is no provider "bank"; there is "card"',
  });
  expect(await failure(send(shop, event, { secret: "guess" }))).toMatchObject(unsigned);
  expect(await failure(send(shop, event, { time: new Date(Date.now() - 301_000) }))).toMatchObject(unsigned);
  expect(await failure(shop.payments.receiveWebhook({ provider: "card", body: Buffer.from("{}") }))).toMatchObject(
    unsigned,
  );
  for (const body of [
    "",
    "[]",
    "no JSON",
    "{}",
    { ...event, id: "" },
    { ...event, id: "a\0b" },
    { ...event, type: 1 },
    { ...event, data: null },
    { ...event, data: { key: "k\0" } },
  ]) {
    expect(await failure(send(shop, body))).toMatchObject(bad);
  }
  expect((await shop.pool.query("select id from webhooks")).rows).toEqual([]);
});

test("a refund of a charge that is captured long after is parked, and recorded once it is captured", async () => {
  await using shop = await startTestPayment(silent);
  await chargeAll(shop, card);
  const { id } = await paymentOf(shop, "o");
  await send(shop, refunded(id, { refundId: "re_1", amountMinor: 30 }));
  const parked = async () => (await shop.payments.listParkedWebhooks({})).webhooks.map(({ key, type }) => [key, type]);
  await expect
    .poll(
      async () => {
        await shop.pool.query("update webhooks set tries = 29, next_try_time = now() where next_try_time is not null");
        return await parked();
      },
      { timeout: 60_000 },
    )
    .toEqual([[id, "charge.refunded"]]);

  await send(shop, captured(id));

  await expect.poll(parked, { timeout: 60_000 }).toEqual([]);
  await expect.poll(() => eventsOf(shop, id), { timeout: 60_000 }).toEqual(["captured", "refunded"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test.each([
  ["of a charge that is not the shop's", { key: "019a0000-0000-7000-8000-000000000000" }],
  ["with a key that no charge can have", { key: "nobody" }],
  ["in another currency than its charge", { currency: "EUR" }],
  ["of more than its charge", { amountMinor: "101" }],
])("a refund %s is parked, and an operator can give it up", async (_, other) => {
  await using shop = await startTestPayment();
  await chargeAll(shop, card);
  const { id } = await paymentOf(shop, "o");
  const event = refunded(id, { refundId: "re_1", amountMinor: 30 });
  await send(shop, { ...event, data: { ...event.data, ...other } });
  await expect
    .poll(
      async () => {
        await shop.pool.query(
          "update webhooks set tries = 29, next_try_time = now() where id = 'evt_re_1' and tries < 29",
        );
        return (await shop.payments.listParkedWebhooks({})).webhooks.map((webhook) => webhook.id);
      },
      { timeout: 60_000 },
    )
    .toEqual(["evt_re_1"]);

  await shop.payments.dismissParkedWebhook({ id: "evt_re_1", reason: "of the test shop" });

  expect((await shop.payments.listParkedWebhooks({})).webhooks).toEqual([]);
  expect(await eventsOf(shop, id)).toEqual(["captured"]);
});
