import { Code } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { Refund_State } from "@sagacart/proto/payment/v1/payment";
import { expect, test } from "vitest";
import type { CardProvider } from "../card-provider/card-provider.ts";
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
  untilSettled,
  usd,
  voidAll,
} from "../testing/calls.ts";
import { startTestPayment } from "../testing/stack.ts";

/** A shop in which order o is paid, 100 of ada's 100, by balance or as said. */
async function startPaid(paymentMethod = "", options: Parameters<typeof startTestPayment>[0] = {}) {
  const shop = await startTestPayment(options);
  await fund(shop, "ada", 100n);
  await chargeAll(shop, [attempt("o", { paymentMethod })]);
  const { id: paymentId } = await paymentOf(shop, "o");
  return { ...shop, paymentId, [Symbol.asyncDispose]: shop[Symbol.asyncDispose] };
}

test("a refund goes back to the balance that paid, and a repeat pays nothing more", async () => {
  await using shop = await startPaid();
  const request = { paymentId: shop.paymentId, refundId: "r", amount: usd(30n), reason: "broken" };

  const { refund } = await shop.payments.refundPayment(request);

  expect(refund).toMatchObject({
    id: "r",
    paymentId: shop.paymentId,
    orderId: "o",
    amount: usd(30n),
    reason: "broken",
    state: Refund_State.SUCCEEDED,
    failureReason: "",
  });
  expect((await shop.payments.refundPayment(request)).refund).toEqual(refund);
  expect((await shop.payments.getRefund({ id: "r" })).refund).toEqual(refund);
  expect(await balanceOf(shop, "ada")).toBe(30n);
  expect((await paymentOf(shop, "o")).refunded).toMatchObject(usd(30n));
  expect(await eventsOf(shop, shop.paymentId)).toEqual(["captured", "refunded"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("without an amount a refund pays back what is left", async () => {
  await using shop = await startPaid();
  await shop.payments.refundPayment({ paymentId: shop.paymentId, amount: usd(30n) });

  const { refund } = await shop.payments.refundPayment({ paymentId: shop.paymentId });

  expect(refund?.amount).toMatchObject(usd(70n));
  expect(await reasonOf(shop.payments.refundPayment({ paymentId: shop.paymentId }))).toBe("REFUND_TOO_HIGH");
});

test("the same request id is the same refund, and no refund of another payment", async () => {
  await using shop = await startPaid();
  await fund(shop, "ada", 100n);
  await chargeAll(shop, [attempt("other")]);
  const { id: other } = await paymentOf(shop, "other");
  const pay = (paymentId: string) =>
    shop.payments.refundPayment({ paymentId, requestId: "r-1", amount: usd(10n) }).then(({ refund }) => refund?.id);

  const first = await pay(shop.paymentId);

  expect(await pay(shop.paymentId)).toBe(first);
  expect(await reasonOf(pay(other))).toBe("REQUEST_ID_REUSED");
  expect(await balanceOf(shop, "ada")).toBe(10n);
});

test("each failure of a refund has its reason", async () => {
  await using shop = await startPaid();
  const { paymentId } = shop;
  await voidAll(shop, [{ orderId: "void" }]);
  const { id: voided } = await paymentOf(shop, "void");
  await shop.payments.refundPayment({ paymentId, refundId: "taken", amount: usd(1n) });
  const failure = async (request: Parameters<typeof shop.payments.refundPayment>[0]) =>
    errorInfo(await shop.payments.refundPayment(request).catch((error) => error));

  expect(await failure({ paymentId: "none" })).toMatchObject({ code: Code.NotFound, reason: "PAYMENT_NOT_FOUND" });
  expect(await failure({ paymentId: voided })).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "PAYMENT_NOT_CAPTURED",
    message: `payment ${voided} is VOIDED; only a CAPTURED payment can be refunded`,
  });
  expect(await failure({ paymentId, amount: usd(100n) })).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "REFUND_TOO_HIGH",
    message: `payment ${paymentId} has 99 minor units left to refund`,
    metadata: { payment_id: paymentId, left_minor_units: "99" },
  });
  expect(await failure({ paymentId, amount: { currencyCode: "EUR", minorUnits: 1n } })).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "CURRENCY_MISMATCH",
  });
  for (const other of [{ amount: usd(2n) }, { amount: usd(1n), reason: "why" }, {}]) {
    expect(await failure({ paymentId, refundId: "taken", ...other })).toMatchObject({
      code: Code.FailedPrecondition,
      reason: "REFUND_DIFFERS",
    });
  }
  expect(await failure({ paymentId, refundId: `void-${paymentId}`, amount: usd(1n) })).toMatchObject({
    reason: "REFUND_DIFFERS",
  });
  expect(await reasonOf(shop.payments.getRefund({ id: "none" }))).toBe("REFUND_NOT_FOUND");
});

test("a refund that was refused is refused again, also if it would be possible by then", async () => {
  await using shop = await startPaid("pm_ok", { wrap: refusing(["card_closed"]) });
  const pay = (refundId: string, minorUnits: bigint) =>
    shop.payments.refundPayment({ paymentId: shop.paymentId, refundId, amount: usd(minorUnits) });
  await pay("first", 60n);
  expect(await reasonOf(pay("second", 101n))).toBe("REFUND_TOO_HIGH");

  expect(await reasonOf(pay("second", 101n))).toBe("REFUND_TOO_HIGH");
  expect(await reasonOf(pay("second", 1n))).toBe("REFUND_DIFFERS");
});

test.each(["", "pm_ok"])("concurrent refunds pay back what was captured and not more (%j)", async (method) => {
  await using shop = await startPaid(method);

  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      reasonOf(shop.payments.refundPayment({ paymentId: shop.paymentId, refundId: `r-${index}`, amount: usd(15n) })),
    ),
  );

  expect(answers.sort()).toEqual([...Array(6).fill(""), ...Array(14).fill("REFUND_TOO_HIGH")]);
  expect((await paymentOf(shop, "o")).refunded).toMatchObject(usd(90n));
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("the same refund thirty times at once is paid once", async () => {
  await using shop = await startPaid("pm_ok");
  const request = { paymentId: shop.paymentId, refundId: "r", amount: usd(15n) };

  const answers = await Promise.all(Array.from({ length: 30 }, () => shop.payments.refundPayment(request)));

  expect(new Set(answers.map(({ refund }) => refund?.state))).toEqual(new Set([Refund_State.SUCCEEDED]));
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("15");
});

test("a concurrent refund and void pay back all that was captured, once", async () => {
  await using shop = await startPaid("pm_ok");

  const [reason, [voided]] = await Promise.all([
    reasonOf(shop.payments.refundPayment({ paymentId: shop.paymentId, amount: usd(40n) })),
    voidAll(shop, [{ orderId: "o" }]),
  ]);

  expect(["", "PAYMENT_NOT_CAPTURED"]).toContain(reason);
  expect(["refunded", "waits"]).toContain(voided);
  await untilSettled(shop);
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund that the provider refuses is FAILED, its amount can be refunded again, and a command tells the saga", async () => {
  await using shop = await startPaid("pm_ok", { wrap: refusing(["card_closed"]) });

  const { refund } = await shop.payments.refundPayment({ paymentId: shop.paymentId, refundId: "r", amount: usd(60n) });

  expect(refund).toMatchObject({ state: Refund_State.FAILED, failureReason: "card_closed" });
  expect((await paymentOf(shop, "o")).refunded).toMatchObject(usd(0n));
  await shop.payments.refundPayment({ paymentId: shop.paymentId, refundId: "again", amount: usd(100n) });
  expect((await shop.payments.listRefunds({ paymentId: shop.paymentId })).refunds.map(({ state }) => state)).toEqual([
    Refund_State.SUCCEEDED,
    Refund_State.FAILED,
  ]);
  expect(await commandsOf(shop)).toEqual([]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("while the provider is down a refund is PENDING; when it is back the refund succeeds, with a command", async () => {
  await using shop = await startPaid("pm_ok", { env: { PROVIDER_RETRY_MS: "20" } });
  await shop.provider.goDown();

  const { refund } = await shop.payments.refundPayment({ paymentId: shop.paymentId, refundId: "r" });
  expect(refund?.state).toBe(Refund_State.PENDING);
  expect(await balanceOf(shop, "ada")).toBe(100n);
  await shop.provider.comeUp();
  await untilSettled(shop);

  expect((await shop.payments.getRefund({ id: "r" })).refund?.state).toBe(Refund_State.SUCCEEDED);
  expect(await commandsOf(shop)).toEqual(['REFUND_SETTLED o {"state": "SUCCEEDED", "refundId": "r"}']);
  expect(await eventsOf(shop, shop.paymentId)).toEqual(["captured", "refunded"]);
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
});

test("refunds are listed newest first, page by page, of a payment, of an order or of all", async () => {
  await using shop = await startPaid();
  for (const refundId of ["r-1", "r-2", "r-3"]) {
    await shop.payments.refundPayment({ paymentId: shop.paymentId, refundId, amount: usd(1n) });
  }

  const first = await shop.payments.listRefunds({ orderId: "o", pageSize: 2 });
  const second = await shop.payments.listRefunds({ orderId: "o", pageSize: 2, pageToken: first.nextPageToken });

  expect([...first.refunds, ...second.refunds].map(({ id }) => id)).toEqual(["r-3", "r-2", "r-1"]);
  expect(second.nextPageToken).toBe("");
  expect((await shop.payments.listRefunds({ paymentId: "none" })).refunds).toEqual([]);
  expect((await shop.payments.listRefunds({ orderId: "none" })).refunds).toEqual([]);
  expect((await shop.payments.listRefunds({})).refunds).toHaveLength(3);
  expect(await reasonOf(shop.payments.listRefunds({ pageToken: first.nextPageToken }))).toBe("BAD_PAGE_TOKEN");
});

/** Refuses the first refunds, for these reasons. */
function refusing(refusals: readonly string[]): (provider: CardProvider) => CardProvider {
  const left = [...refusals];
  return (provider) => ({
    ...provider,
    async refund(key, content, signal) {
      const reason = left.shift();
      return reason === undefined ? provider.refund(key, content, signal) : { kind: "refused", reason };
    },
  });
}
