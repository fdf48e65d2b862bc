import { Code, createClient } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { startIssuer } from "@sagacart/chassis/testing/issuer";
import { Refund_Source, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { Actor_Kind } from "@sagacart/proto/type/v1/actor";
import { expect, test } from "vitest";
import { auditBooks } from "../testing/books.ts";
import { attempt, chargeAll, commandsOf, eventsOf, paymentOf, reasonOf, usd, voidAll } from "../testing/calls.ts";
import { startTestPayment } from "../testing/stack.ts";

/** A shop in which the card provider refuses to pay back the 100 of order o. */
async function startRefused() {
  const shop = await startTestPayment();
  await chargeAll(shop, [attempt("o", { paymentMethod: "pm_refund_charge_disputed" })]);
  await voidAll(shop, [{ orderId: "o" }]);
  const { id: paymentId } = await paymentOf(shop, "o");
  const id = `void-${paymentId}`;
  const settle = (other: { id?: string; amount?: ReturnType<typeof usd>; reason?: string; requestId?: string } = {}) =>
    shop.payments.settleRefund({ id, reason: "bank transfer 4711", requestId: "s-1", ...other });
  return { ...shop, paymentId, id, settle, [Symbol.asyncDispose]: shop[Symbol.asyncDispose] };
}

test("what was settled by hand is a refund and an entry of its own kind, and the order can end", async () => {
  await using shop = await startRefused();

  const { refund } = await shop.settle();

  expect(refund).toMatchObject({
    paymentId: shop.paymentId,
    orderId: "o",
    amount: usd(100n),
    reason: "bank transfer 4711",
    state: Refund_State.SUCCEEDED,
    source: Refund_Source.HAND,
    requestedBy: { kind: Actor_Kind.SYSTEM },
  });
  expect((await shop.payments.getRefund({ id: shop.id })).refund).toMatchObject({
    state: Refund_State.FAILED,
    failureReason: "paid_back_otherwise",
  });
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect((await commandsOf(shop)).slice(-2)).toEqual([
    "PAY_BACK_CHANGED o {}",
    'PAYMENT_SETTLED o {"state": "VOIDED", "attempt": 1}',
  ]);
  const { rows } = await shop.pool.query(
    `select e.kind, a.name, p.amount_minor from journal_entries e join postings p on p.entry_id = e.id
     join accounts a on a.id = p.account_id where e.reference = $1 order by e.id, p.line`,
    [shop.paymentId],
  );
  expect(rows).toEqual([
    { kind: "charge", name: "card:clearing", amount_minor: -100n },
    { kind: "charge", name: "sales", amount_minor: 100n },
    { kind: "settled_by_hand", name: "settled:by_hand", amount_minor: 100n },
    { kind: "settled_by_hand", name: "sales", amount_minor: -100n },
  ]);
  expect(await eventsOf(shop, shop.paymentId)).toEqual(["captured", "voided", "refunded"]);
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("0");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("the reason of an operator is not in the event", async () => {
  await using shop = await startRefused();
  await shop.settle({ reason: "fraud ring, see ticket 12" });
  const { rows } = await shop.pool.query("select data from events where subject = $1 order by sequence", [
    shop.paymentId,
  ]);
  expect(rows.at(-1)?.data).toMatchObject({ source: "HAND", amount: { currencyCode: "USD", minorUnits: "100" } });
  expect(JSON.stringify(rows)).not.toContain("ticket");
});

test("what is settled in parts stays refused until all of it is", async () => {
  await using shop = await startRefused();

  await shop.settle({ requestId: "first", amount: usd(30n) });
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);
  expect((await shop.payments.getRefund({ id: shop.id })).refund).toMatchObject({
    state: Refund_State.REFUSED,
    amount: usd(70n),
  });
  expect(await auditBooks(shop.pool)).toEqual([]);
  await shop.settle({ requestId: "second" });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("the same request thirty times at once settles once", async () => {
  await using shop = await startRefused();

  const answers = await Promise.all(Array.from({ length: 30 }, () => shop.settle({ amount: usd(30n) })));

  expect(new Set(answers.map(({ refund }) => refund?.id)).size).toBe(1);
  expect((await shop.payments.getRefund({ id: shop.id })).refund?.amount).toMatchObject(usd(70n));
});

test("concurrent settlements pay what was refused, and not more", async () => {
  await using shop = await startRefused();

  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => reasonOf(shop.settle({ requestId: `s-${index}`, amount: usd(30n) }))),
  );

  expect(answers.toSorted()).toEqual(["", "", "", ...Array(5).fill("SETTLEMENT_TOO_HIGH")]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("each refusal of a settlement has its reason", async () => {
  await using shop = await startRefused();
  const failure = async (other: Parameters<typeof shop.settle>[0]) =>
    errorInfo(await shop.settle(other).catch((error) => error));

  expect(await failure({ id: "none", requestId: "none" })).toMatchObject({
    code: Code.NotFound,
    reason: "REFUND_NOT_FOUND",
  });
  expect(await failure({ requestId: "high", amount: usd(101n) })).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "SETTLEMENT_TOO_HIGH",
    message: `refund ${shop.id} has 100 minor units that are not settled`,
    metadata: { refund_id: shop.id, left_minor_units: "100" },
  });
  expect(await failure({ requestId: "eur", amount: { currencyCode: "EUR", minorUnits: 1n } })).toMatchObject({
    reason: "CURRENCY_MISMATCH",
  });
  for (const wrong of [{ reason: "" }, { reason: "\0" }, { requestId: "" }, { amount: usd(0n) }]) {
    expect(await failure(wrong)).toMatchObject({ code: Code.InvalidArgument });
  }
  await shop.settle();
  expect(await failure({ reason: "another reason" })).toMatchObject({ reason: "REQUEST_ID_REUSED" });
  expect(await failure({ requestId: "again" })).toMatchObject({
    code: Code.FailedPrecondition,
    reason: "REFUND_NOT_REFUSED",
    message: `refund ${shop.id} is FAILED; only one that the card provider refuses for good (REFUSED) is settled by hand`,
  });
});

test("a refund that is settled by hand is not asked for again", async () => {
  await using shop = await startRefused();
  await shop.settle();
  await shop.provider.refuse(shop.paymentId, {});

  await shop.payments.retryRefund({ id: shop.id });

  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("0");
});

test("a settlement names the operator of the token; a customer sees neither the name nor the reason", async () => {
  await using shop = await startRefused();
  await using issuer = await startIssuer();
  const transport = inMemory(shop.routes, "payment.sagacart", issuer.verifier());
  const payments = createClient(PaymentService, transport);
  const as = async (subject: string, role: "customer" | "operator" | "support") => ({
    headers: { authorization: await issuer.bearer(subject, [role]) },
  });
  const request = { id: shop.id, reason: "see ticket 12", requestId: "s" };

  expect(await reasonOf(payments.settleRefund(request, await as("sue", "support")))).toBe("ROLE_REQUIRED");
  const { refund } = await payments.settleRefund(request, await as("ann", "operator"));
  expect(refund).toMatchObject({ requestedBy: { kind: Actor_Kind.OPERATOR, id: "ann" }, reason: "see ticket 12" });

  const { refunds } = await payments.listRefunds({ orderId: "o" }, await as("ada", "customer"));
  const seen = refunds.find(({ id }) => id === refund?.id);
  expect(seen).toMatchObject({ source: Refund_Source.HAND, amount: usd(100n), reason: "" });
  expect(seen?.requestedBy).toBeUndefined();
});
