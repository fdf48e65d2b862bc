import { Payment_State } from "@sagacart/proto/payment/v1/payment";
import { expect, test } from "vitest";
import { auditBooks } from "../testing/books.ts";
import { attempt, chargeAll, commandsOf, eventsOf, paymentOf, reasonOf, untilSettled, usd } from "../testing/calls.ts";
import { startTestPayment } from "../testing/stack.ts";

test.each([
  ["pm_ok", "captured"],
  ["pm_declined", "DECLINED card_declined"],
  ["pm_no_funds", "DECLINED insufficient_funds"],
  ["pm_nonsense", "DECLINED unknown_payment_method"],
])("%s is answered at once: %s", async (paymentMethod, outcome) => {
  await using shop = await startTestPayment();
  const items = [attempt("o", { paymentMethod })];

  expect(await chargeAll(shop, items)).toEqual([outcome]);
  expect(await chargeAll(shop, items)).toEqual([outcome]);

  const { id } = await paymentOf(shop, "o");
  expect((await shop.provider.get(id))?.asks).toBe(1);
  expect(await eventsOf(shop, id)).toEqual([outcome === "captured" ? "captured" : "declined"]);
  expect(await commandsOf(shop)).toEqual([]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test.each(["pm_slow", "pm_lost_answer", "pm_twice", "pm_late", "pm_down"])(
  "%s waits, settles as captured by itself, once, and a command tells so",
  async (paymentMethod) => {
    await using shop = await startTestPayment({ env: { PROVIDER_BATCH_MS: "100" } });
    const items = [attempt("o", { paymentMethod })];

    expect(await chargeAll(shop, items)).toEqual(["waits"]);
    await untilSettled(shop);

    expect(await chargeAll(shop, items)).toEqual(["captured"]);
    expect((await shop.provider.list()).map(({ status }) => status)).toEqual(["captured"]);
    const payment = await paymentOf(shop, "o");
    expect(payment.providerChargeId).toBe((await shop.provider.get(payment.id))?.chargeId);
    expect(await eventsOf(shop, payment.id)).toEqual(["captured"]);
    expect(await commandsOf(shop)).toEqual(['PAYMENT_SETTLED o {"state": "CAPTURED", "attempt": 1}']);
    expect(await auditBooks(shop.pool)).toEqual([]);
  },
);

test("a lost answer that is asked for again gives one charge at the provider", async () => {
  await using shop = await startTestPayment({ env: { PROVIDER_RETRY_MS: "60000" } });
  const items = [attempt("o", { paymentMethod: "pm_lost_answer" })];

  expect(await chargeAll(shop, items)).toEqual(["waits"]);
  expect(await chargeAll(shop, items)).toEqual(["captured"]);

  expect((await shop.provider.list()).map(({ status, asks }) => [status, asks])).toEqual([["captured", 2]]);
});

test("a batch waits no longer than its limit for a slow answer", async () => {
  await using shop = await startTestPayment({ env: { PROVIDER_BATCH_MS: "2000" }, times: { slowMs: 3_600_000 } });

  const outcomes = await chargeAll(shop, [
    attempt("slow", { paymentMethod: "pm_slow" }),
    attempt("ok", { paymentMethod: "pm_ok" }),
    attempt("no", { paymentMethod: "pm_declined" }),
    attempt("balance"),
  ]);

  expect(outcomes).toEqual(["waits", "captured", "DECLINED card_declined", "DECLINED no_account"]);
});

test("a repeat while the provider is being asked does not ask it twice", async () => {
  await using shop = await startTestPayment();
  const items = [attempt("o", { paymentMethod: "pm_slow" })];

  const outcomes = await Promise.all(Array.from({ length: 10 }, () => chargeAll(shop, items)));

  expect(outcomes).toEqual(Array(10).fill(["captured"]));
  expect((await shop.provider.list()).map(({ asks }) => asks)).toEqual([1]);
});

test("a payment whose turn did not come is asked for later", async () => {
  await using shop = await startTestPayment({ env: { PROVIDER_CONCURRENCY: "2", PROVIDER_BATCH_MS: "100" } });
  const items = Array.from({ length: 6 }, (_, index) => attempt(`o-${index}`, { paymentMethod: "pm_slow" }));

  expect(await chargeAll(shop, items)).toEqual(Array(6).fill("waits"));
  await untilSettled(shop);

  expect(await chargeAll(shop, items)).toEqual(Array(6).fill("captured"));
  expect(await commandsOf(shop)).toHaveLength(6);
});

test("a hundred cards in a batch are charged, each once", async () => {
  await using shop = await startTestPayment();
  const items = Array.from({ length: 100 }, (_, index) => attempt(`o-${index}`, { paymentMethod: "pm_ok" }));

  expect(new Set(await chargeAll(shop, items))).toEqual(new Set(["captured"]));
  expect(await shop.provider.list()).toHaveLength(100);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("while the provider is down payments wait; when it is back they settle", async () => {
  await using shop = await startTestPayment({ env: { PROVIDER_RETRY_MS: "20" } });
  const items = [attempt("a", { paymentMethod: "pm_ok" }), attempt("b", { paymentMethod: "pm_declined" })];
  await shop.provider.goDown();

  expect(await chargeAll(shop, items)).toEqual(["waits", "waits"]);
  await expect
    .poll(async () => (await shop.pool.query("select asks from payments where order_id = 'a'")).rows[0].asks)
    .toBeGreaterThan(3);
  await shop.provider.comeUp();
  await untilSettled(shop);

  expect(await chargeAll(shop, items)).toEqual(["captured", "DECLINED card_declined"]);
  expect((await commandsOf(shop)).sort()).toEqual([
    'PAYMENT_SETTLED a {"state": "CAPTURED", "attempt": 1}',
    'PAYMENT_SETTLED b {"state": "DECLINED", "attempt": 1}',
  ]);
});

test("a second attempt is refused while the first is pending", async () => {
  await using shop = await startTestPayment({ times: { lateMs: 3_600_000 } });
  await chargeAll(shop, [attempt("o", { paymentMethod: "pm_late" })]);

  expect(await chargeAll(shop, [attempt("o", { attempt: 2, paymentMethod: "pm_ok" })])).toEqual(["EXISTS"]);
});

test("a single charge comes back PENDING while the provider has not answered", async () => {
  await using shop = await startTestPayment({ times: { lateMs: 3_600_000 } });

  const { payment } = await shop.payments.charge(attempt("o", { paymentMethod: "pm_late" }));

  expect(payment?.state).toBe(Payment_State.PENDING);
});

test("a manual payment is charged once for each request id, by card and by balance", async () => {
  await using shop = await startTestPayment();
  await shop.accounts.batchPutAccounts({ items: [{ customerId: "ada", balance: usd(100n) }] });

  for (const paymentMethod of ["", "pm_ok", "pm_lost_answer"]) {
    const request = { customerId: "ada", amount: usd(40n), paymentMethod, requestId: `r${paymentMethod}` };
    await Promise.all(Array.from({ length: 10 }, () => shop.payments.createPayment(request)));
    await untilSettled(shop);
    const { payment } = await shop.payments.createPayment(request);
    expect(payment).toMatchObject({ orderId: "", attempt: 0, state: Payment_State.CAPTURED });
    expect(await reasonOf(shop.payments.createPayment({ ...request, amount: usd(41n) }))).toBe("REQUEST_ID_REUSED");
  }

  expect((await shop.payments.listPayments({ customerId: "ada" })).payments).toHaveLength(3);
  expect(await shop.provider.list()).toHaveLength(2);
  expect(await commandsOf(shop)).toEqual([]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a manual payment that is declined fails with the reason, and so does its repeat", async () => {
  await using shop = await startTestPayment();
  await shop.accounts.createAccount({ customerId: "ada" });
  const pay = (paymentMethod: string, customerId = "ada") =>
    reasonOf(
      shop.payments.createPayment({ customerId, amount: usd(1n), paymentMethod, requestId: `r${paymentMethod}` }),
    );

  for (const paymentMethod of ["", "pm_declined"]) {
    expect(await pay(paymentMethod)).toBe("PAYMENT_DECLINED");
    await shop.accounts.deposit({ customerId: "ada", amount: usd(100n) });
    expect(await pay(paymentMethod)).toBe("PAYMENT_DECLINED");
  }
  expect(await pay("", "nobody")).toBe("ACCOUNT_NOT_FOUND");
  expect(await pay("pm_ok", "nobody")).toBe("");
});
