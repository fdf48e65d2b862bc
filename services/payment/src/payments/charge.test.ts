import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { Payment_Kind, Payment_State } from "@sagacart/proto/payment/v1/payment";
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
  reasonOf,
  usd,
  voidAll,
} from "../testing/calls.ts";
import { startTestPayment } from "../testing/stack.ts";

test("a batch charges its orders independently and returns outcomes in their order; a repeat returns the same", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 250n);
  await fund(shop, "bob", 50n);
  const euros = { currencyCode: "EUR", minorUnits: 1n };
  const items = [
    attempt("z"),
    attempt("poor", { customerId: "bob" }),
    attempt("b"),
    attempt("too-much"),
    attempt("fits", { amount: usd(50n) }),
    attempt("nobody", { customerId: "nobody" }),
    attempt("euros", { amount: euros }),
    attempt("free", { customerId: "nobody", amount: usd(0n) }),
    attempt("free-card", { customerId: "nobody", amount: usd(0n), paymentMethod: "pm_declined" }),
  ];

  const first = await chargeAll(shop, items);

  expect(first).toEqual([
    "captured",
    "DECLINED insufficient_funds",
    "captured",
    "DECLINED insufficient_funds",
    "captured",
    "DECLINED no_account",
    "DECLINED currency_mismatch",
    "captured",
    "captured",
  ]);
  await fund(shop, "bob", 1_000n);
  await fund(shop, "ada", 1_000n);
  await fund(shop, "nobody", 1_000n);
  expect(await chargeAll(shop, items.toReversed())).toEqual(first.toReversed());
  expect(await balanceOf(shop, "ada")).toBe(1_000n);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a captured payment has one event, and keeps the content of its request", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 100n);
  await chargeAll(shop, [attempt("o")]);
  await chargeAll(shop, [attempt("o")]);

  const payment = await paymentOf(shop, "o");

  expect(payment).toMatchObject({
    kind: Payment_Kind.ORDER,
    orderId: "o",
    attempt: 1,
    customerId: "ada",
    amount: usd(100n),
    paymentMethod: "",
    state: Payment_State.CAPTURED,
    declineReason: "",
    refunded: usd(0n),
  });
  expect((await shop.payments.getPayment({ id: payment.id, customerId: "ada" })).payment).toEqual(payment);
  const { rows } = await shop.pool.query("select subject, sequence, type, data from events");
  expect(rows).toEqual([
    {
      subject: payment.id,
      sequence: 1n,
      type: "sagacart.payment.captured.v1",
      data: {
        paymentId: payment.id,
        orderId: "o",
        attempt: 1,
        customerId: "ada",
        amount: { currencyCode: "USD", minorUnits: "100" },
      },
    },
  ]);
  expect(await commandsOf(shop)).toEqual([]);
});

test.each([
  ["amount", { amount: usd(101n) }],
  ["currency", { amount: { currencyCode: "EUR", minorUnits: 100n } }],
  ["customer", { customerId: "bob" }],
  ["payment method", { paymentMethod: "pm_ok" }],
])("a repeated attempt with another %s is refused and changes nothing", async (_, other) => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 1_000n);
  await fund(shop, "bob", 1_000n);
  await chargeAll(shop, [attempt("o")]);

  expect(await chargeAll(shop, [attempt("o", other)])).toEqual(["DIFFERS"]);
  expect([await balanceOf(shop, "ada"), await balanceOf(shop, "bob")]).toEqual([900n, 1_000n]);
});

test("a second attempt is refused while the first is captured, and stays refused when that is undone", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 1_000n);
  await chargeAll(shop, [attempt("o")]);

  expect(await chargeAll(shop, [attempt("o", { attempt: 2 })])).toEqual(["EXISTS"]);
  await voidAll(shop, [{ orderId: "o", attempt: 1 }]);
  expect(await chargeAll(shop, [attempt("o", { attempt: 2 })])).toEqual(["EXISTS"]);
  expect(await chargeAll(shop, [attempt("o", { attempt: 3 })])).toEqual(["captured"]);
  expect(await balanceOf(shop, "ada")).toBe(900n);
});

test("after a decline the next attempt may succeed", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 10n);

  expect(await chargeAll(shop, [attempt("o")])).toEqual(["DECLINED insufficient_funds"]);
  await fund(shop, "ada", 100n);
  expect(await chargeAll(shop, [attempt("o", { attempt: 2 })])).toEqual(["captured"]);
  expect(await chargeAll(shop, [attempt("o")])).toEqual(["DECLINED insufficient_funds"]);
});

test("a hundred charges at once take no balance below zero", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 1_050n);

  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, index) => chargeAll(shop, [attempt(`o-${index}`)])),
  );

  expect(outcomes.filter(([outcome]) => outcome === "captured")).toHaveLength(10);
  expect(outcomes.filter(([outcome]) => outcome === "DECLINED insufficient_funds")).toHaveLength(90);
  expect(await balanceOf(shop, "ada")).toBe(50n);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("the same batch fifty times at once is charged once", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 1_000n);
  const items = Array.from({ length: 5 }, (_, index) => attempt(`o-${index}`));

  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, index) => chargeAll(shop, index % 2 === 0 ? items : items.toReversed())),
  );

  expect(new Set(outcomes.flat())).toEqual(new Set(["captured"]));
  expect(await balanceOf(shop, "ada")).toBe(500n);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("of twenty concurrent attempts of an order one is charged", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 10_000n);

  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, index) => chargeAll(shop, [attempt("o", { attempt: index + 1 })])),
  );

  expect(outcomes.flat().sort()).toEqual([...Array(19).fill("EXISTS"), "captured"]);
  expect(await balanceOf(shop, "ada")).toBe(9_900n);
});

test("a single charge returns the payment, and a repeat the same", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 100n);

  const { payment } = await shop.payments.charge(attempt("o"));

  expect(payment).toMatchObject({ orderId: "o", state: Payment_State.CAPTURED });
  expect((await shop.payments.charge(attempt("o"))).payment).toEqual(payment);
});

test("each refusal of a batch is an error of a single charge", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 150n);
  await chargeAll(shop, [attempt("o")]);
  await voidAll(shop, [{ orderId: "void" }]);
  const failure = async (orderId: string, other = {}) =>
    errorInfo(await shop.payments.charge(attempt(orderId, other)).catch((error) => error));

  expect(await failure("poor")).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "PAYMENT_DECLINED",
    metadata: { decline_reason: "insufficient_funds" },
  });
  expect(await failure("o", { amount: usd(1n) })).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "PAYMENT_DIFFERS",
    message: "attempt 1 for order o was asked for with other content",
  });
  expect(await failure("o", { attempt: 2 })).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "PAYMENT_EXISTS",
    metadata: { order_id: "o", attempt: "2" },
  });
  expect(await failure("void")).toMatchObject({ code: Code.FailedPrecondition, reason: "PAYMENT_VOIDED" });
});

test("a decline has an event with its reason", async () => {
  await using shop = await startTestPayment();
  await chargeAll(shop, [attempt("o")]);

  const { id, declineReason } = await paymentOf(shop, "o");

  expect(declineReason).toBe("no_account");
  expect(await eventsOf(shop, id)).toEqual(["declined"]);
});

test("a payment is not found for another customer, nor by a text that is not an id", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 100n);
  await chargeAll(shop, [attempt("o")]);
  const { id } = await paymentOf(shop, "o");

  expect(await reasonOf(shop.payments.getPayment({ id, customerId: "bob" }))).toBe("PAYMENT_NOT_FOUND");
  expect(await reasonOf(shop.payments.getPayment({ id: "0190a0a0-0000-7000-8000-000000000000" }))).toBe(
    "PAYMENT_NOT_FOUND",
  );
  expect(await reasonOf(shop.payments.getPayment({ id: "o" }))).toBe("PAYMENT_NOT_FOUND");
});

test("payments are listed newest first, page by page, of an order, of a customer or of all", async () => {
  await using shop = await startTestPayment();
  await fund(shop, "ada", 1_000n);
  await fund(shop, "bob", 1_000n);
  for (const orderId of ["o-1", "o-2", "o-3"]) {
    await chargeAll(shop, [attempt(orderId), attempt(`bob-${orderId}`, { customerId: "bob" })]);
  }
  const list = async (filter: { orderId?: string; customerId?: string }) => {
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await shop.payments.listPayments({ ...filter, pageSize: 2, pageToken });
      seen.push(...page.payments.map(({ orderId }) => orderId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return seen;
  };

  expect(await list({ customerId: "ada" })).toEqual(["o-3", "o-2", "o-1"]);
  expect(await list({ orderId: "o-2" })).toEqual(["o-2"]);
  expect(await list({ orderId: "o-2", customerId: "bob" })).toEqual([]);
  expect(await list({})).toHaveLength(6);
  const { nextPageToken } = await shop.payments.listPayments({ customerId: "ada", pageSize: 1 });
  expect(await reasonOf(shop.payments.listPayments({ customerId: "bob", pageToken: nextPageToken }))).toBe(
    "BAD_PAGE_TOKEN",
  );
});
