import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { expect, test } from "vitest";
import { auditBooks } from "../testing/books.ts";
import {
  attempt,
  balanceOf,
  chargeAll,
  commandsOf,
  eventsOf,
  fund,
  paymentOf,
  usd,
  voidAll,
} from "../testing/calls.ts";
import { startTestPayment } from "../testing/stack.ts";

test("a void pays back what was captured, and a repeat answers the same", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 150n);
  await chargeAll(shop, [attempt("o")]);

  expect(await voidAll(shop, [{ orderId: "o", attempt: 1 }])).toEqual(["refunded"]);
  expect(await voidAll(shop, [{ orderId: "o", attempt: 1 }])).toEqual(["refunded"]);

  const payment = await paymentOf(shop, "o");
  expect(payment).toMatchObject({ state: Payment_State.VOIDED, refunded: usd(100n) });
  expect(await balanceOf(shop, "ada")).toBe(150n);
  expect(await eventsOf(shop, payment.id)).toEqual(["captured", "voided", "refunded"]);
  const { refund } = await shop.payments.getRefund({ id: `void-${payment.id}` });
  expect(refund).toMatchObject({ paymentId: payment.id, orderId: "o", amount: usd(100n) });
  expect(await commandsOf(shop)).toEqual([]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("an attempt that was voided before it came is refused, whatever its content", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 150n);

  expect(await voidAll(shop, [{ orderId: "o" }, { orderId: "third", attempt: 3 }])).toEqual(["voided", "voided"]);

  expect(await chargeAll(shop, [attempt("o"), attempt("third", { attempt: 3 })])).toEqual(["VOIDED", "VOIDED"]);
  expect(await chargeAll(shop, [attempt("o", { paymentMethod: "pm_ok" })])).toEqual(["VOIDED"]);
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["voided"]);
  expect(await balanceOf(shop, "ada")).toBe(150n);
  const tombstone = await paymentOf(shop, "o");
  expect(tombstone).toMatchObject({ attempt: 1, state: Payment_State.VOIDED, customerId: "" });
  expect(tombstone.amount).toBeUndefined();
  expect(await eventsOf(shop, tombstone.id)).toEqual(["voided"]);
});

test("a tombstone blocks its own attempt only; another one may be charged", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 150n);
  await voidAll(shop, [{ orderId: "o", attempt: 2 }]);

  expect(await chargeAll(shop, [attempt("o")])).toEqual(["captured"]);
});

test("attempt 0 voids all attempts", async () => {
  await using shop = await startTestPayment();
  await chargeAll(shop, [attempt("o")]);
  await fund(shop, "ada", 150n);
  await chargeAll(shop, [attempt("o", { attempt: 2 })]);

  expect(await voidAll(shop, [{ orderId: "o", attempt: 0 }])).toEqual(["refunded"]);

  const { payments } = await shop.payments.listPayments({ orderId: "o" });
  expect(payments.map(({ attempt, state }) => [attempt, state])).toEqual([
    [2, Payment_State.VOIDED],
    [1, Payment_State.DECLINED],
  ]);
  expect(await balanceOf(shop, "ada")).toBe(150n);
});

test("a declined attempt stays declined when it is voided", async () => {
  await using shop = await startTestPayment();
  await chargeAll(shop, [attempt("o")]);

  expect(await voidAll(shop, [{ orderId: "o", attempt: 1 }])).toEqual(["voided"]);
  expect(await chargeAll(shop, [attempt("o")])).toEqual(["DECLINED no_account"]);
});

test("a void pays back what is left after refunds", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 100n);
  await chargeAll(shop, [attempt("part"), attempt("free", { amount: usd(0n) })]);
  const { id } = await paymentOf(shop, "part");
  await shop.payments.refundPayment({ paymentId: id, refundId: "r", amount: usd(30n) });

  expect(await voidAll(shop, [{ orderId: "part" }, { orderId: "free" }])).toEqual(["refunded", "voided"]);

  expect(await balanceOf(shop, "ada")).toBe(100n);
  const { refunds } = await shop.payments.listRefunds({ orderId: "part" });
  expect(refunds.map(({ id, amount }) => [id, amount?.minorUnits])).toEqual([
    [`void-${id}`, 70n],
    ["r", 30n],
  ]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("fifty voids at once pay back once", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 500n);
  const orders = Array.from({ length: 5 }, (_, index) => ({ orderId: `o-${index}` }));
  await chargeAll(
    shop,
    orders.map(({ orderId }) => attempt(orderId)),
  );

  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, index) => voidAll(shop, index % 2 === 0 ? orders : orders.toReversed())),
  );

  expect(new Set(outcomes.flat())).toEqual(new Set(["refunded"]));
  expect(await balanceOf(shop, "ada")).toBe(500n);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("concurrent charges and voids of the same orders leave nothing charged, in any order", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 100_000n);
  const orders = Array.from({ length: 40 }, (_, index) => `o-${index}`);

  await Promise.all(
    [0, 1, 2, 3, 4].flatMap((round) => [
      chargeAll(
        shop,
        (round % 2 === 0 ? orders : orders.toReversed()).map((orderId) => attempt(orderId)),
      ),
      voidAll(
        shop,
        orders.slice(round * 8, round * 8 + 8).map((orderId) => ({ orderId })),
      ),
    ]),
  );

  expect(await balanceOf(shop, "ada")).toBe(100_000n);
  expect(
    new Set(
      await chargeAll(
        shop,
        orders.map((orderId) => attempt(orderId)),
      ),
    ),
  ).toEqual(new Set(["VOIDED"]));
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("an order that is charged while its void waits for the account is refunded", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 300n);
  await chargeAll(shop, [attempt("first")]);
  const holder = await shop.pool.connect();
  await holder.query("begin");
  await holder.query("select from accounts where customer_id = 'ada' for update");

  // The void knows of "first" only, and waits for the account; so does the charge.
  const voids = voidAll(shop, [{ orderId: "first" }, { orderId: "second" }]);
  const waiting = async () =>
    (
      await shop.pool.query(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      )
    ).rows[0].count;
  await expect.poll(waiting).toBe(1n);
  const charges = chargeAll(shop, [attempt("second")]);
  await expect.poll(waiting).toBe(2n);
  await holder.query("commit");
  holder.release();

  const [[first, second], [charged]] = await Promise.all([voids, charges]);
  expect(first).toBe("refunded");
  expect([
    ["refunded", "captured"],
    ["voided", "VOIDED"],
  ]).toContainEqual([second, charged]);
  expect(await balanceOf(shop, "ada")).toBe(300n);
});
