import { Payment_State, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { expect, test } from "vitest";
import type { CardProvider } from "../card-provider/card-provider.ts";
import { auditBooks } from "../testing/books.ts";
import { attempt, chargeAll, commandsOf, eventsOf, paymentOf, untilSettled, usd, voidAll } from "../testing/calls.ts";
import { startTestPayment } from "../testing/stack.ts";

test("a void refunds a captured card, and is answered when the provider has done so", async () => {
  await using shop = await startTestPayment();
  await chargeAll(shop, [attempt("o", { paymentMethod: "pm_ok" })]);

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);

  const { id, state } = await paymentOf(shop, "o");
  expect(state).toBe(Payment_State.VOIDED);
  expect((await shop.provider.get(id))?.refundedMinor).toBe("100");
  expect(await eventsOf(shop, id)).toEqual(["captured", "voided", "refunded"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a void of a pending payment cancels its charge at the provider", async () => {
  // Neither settles by itself while the test lasts.
  await using shop = await startTestPayment({ env: { PROVIDER_RETRY_MS: "60000" }, times: { lateMs: 3_600_000 } });
  const items = ["pm_late", "pm_down"].map((paymentMethod) => attempt(paymentMethod, { paymentMethod }));
  expect(await chargeAll(shop, items)).toEqual(["waits", "waits"]);

  expect(await voidAll(shop, items)).toEqual(["voided", "voided"]);

  await untilSettled(shop);
  expect((await shop.provider.list()).map(({ status }) => status)).toEqual(["cancelled", "cancelled"]);
  expect(await chargeAll(shop, items)).toEqual(["VOIDED", "VOIDED"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a charge that turns out to be captured when it is voided is recorded and refunded", async () => {
  await using shop = await startTestPayment({ env: { PROVIDER_RETRY_MS: "60000" } });
  await chargeAll(shop, [attempt("o", { paymentMethod: "pm_lost_answer" })]);

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);

  const payment = await paymentOf(shop, "o");
  expect(payment).toMatchObject({ state: Payment_State.VOIDED, refunded: usd(100n) });
  expect((await shop.provider.get(payment.id))?.refundedMinor).toBe("100");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a void waits while the provider is down; when it is back all is refunded, with a command", async () => {
  await using shop = await startTestPayment({ env: { PROVIDER_RETRY_MS: "20" } });
  const orders = [{ orderId: "captured" }, { orderId: "lost" }, { orderId: "never" }];
  await chargeAll(shop, [
    attempt("captured", { paymentMethod: "pm_ok" }),
    attempt("lost", { paymentMethod: "pm_lost_answer" }),
  ]);
  await shop.provider.goDown();

  expect(await voidAll(shop, orders)).toEqual(["waits", "waits", "voided"]);
  await shop.provider.comeUp();
  await untilSettled(shop);

  expect(await voidAll(shop, orders)).toEqual(["refunded", "refunded", "voided"]);
  expect((await shop.provider.list()).map(({ refundedMinor }) => refundedMinor)).toEqual(["100", "100"]);
  const commands = (await commandsOf(shop)).filter((command) => command.startsWith("PAYMENT_SETTLED"));
  expect(new Set(commands)).toEqual(
    new Set([
      'PAYMENT_SETTLED captured {"state": "VOIDED", "attempt": 1}',
      'PAYMENT_SETTLED lost {"state": "VOIDED", "attempt": 1}',
    ]),
  );
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("an answer that comes after the void is recorded as captured and refunded in one transaction", async () => {
  const held = holdCharges();
  await using shop = await startTestPayment({
    wrap: held.wrap,
    env: { PROVIDER_BATCH_MS: "50", PROVIDER_RETRY_MS: "60000" },
  });
  expect(await chargeAll(shop, [attempt("o", { paymentMethod: "pm_ok" })])).toEqual(["waits"]);
  await shop.provider.goDown();
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["waits"]);

  held.release();
  const { id } = await paymentOf(shop, "o");
  const captured = async () => (await shop.payments.listRefunds({ paymentId: id })).refunds[0];
  await expect.poll(captured).toMatchObject({ id: `void-${id}`, amount: usd(100n), state: Refund_State.PENDING });

  expect(await paymentOf(shop, "o")).toMatchObject({ state: Payment_State.VOIDED, refunded: usd(100n) });
  await shop.provider.comeUp();
  await shop.pool.query("update refunds set next_ask_time = now() where state = 'PENDING'");
  await untilSettled(shop);
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect((await shop.provider.get(id))?.refundedMinor).toBe("100");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("concurrent charges and voids of the same cards leave nothing charged", async () => {
  await using shop = await startTestPayment();
  const items = Array.from({ length: 24 }, (_, index) => {
    const paymentMethod = ["pm_ok", "pm_slow", "pm_lost_answer", "pm_late"][index % 4]!;
    return attempt(`o-${index}`, { paymentMethod });
  });

  await Promise.all([
    chargeAll(shop, items),
    voidAll(shop, items.slice(12)),
    chargeAll(shop, items.toReversed()),
    voidAll(shop, items.slice(0, 12).toReversed()),
  ]);
  await untilSettled(shop);

  expect(new Set(await chargeAll(shop, items))).toEqual(new Set(["VOIDED"]));
  expect(await voidAll(shop, items)).not.toContain("waits");
  const charged = (await shop.provider.list()).filter(({ status }) => status === "captured");
  expect(charged.filter(({ amountMinor, refundedMinor }) => amountMinor !== refundedMinor)).toEqual([]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund that must not fail is asked for with another key when it is retried after a refusal", async () => {
  const keys: string[] = [];
  await using shop = await startTestPayment({
    wrap: (provider) => ({
      ...provider,
      async refund(key, content, signal) {
        keys.push(key);
        return keys.length < 3
          ? { kind: "refused", reason: "card_closed" }
          : await provider.refund(key, content, signal);
      },
    }),
    env: { PROVIDER_RETRY_MS: "60000" },
  });
  await chargeAll(shop, [attempt("o", { paymentMethod: "pm_ok" })]);

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);
  const { id } = await paymentOf(shop, "o");
  for (const state of [Refund_State.REFUSED, Refund_State.SUCCEEDED]) {
    expect((await shop.payments.retryRefund({ id: `void-${id}` })).refund?.state).toBe(state);
  }

  expect(keys).toEqual([`void-${id}`, `void-${id}.1`, `void-${id}.2`]);
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect((await shop.provider.get(id))?.refundedMinor).toBe("100");
});

test("a customer's refund that is refused after the void must not fail either", async () => {
  let refusals = 1;
  await using shop = await startTestPayment({
    wrap: (provider) => ({
      ...provider,
      async refund(key, content, signal) {
        if (key.startsWith("r") && refusals-- > 0) {
          return { kind: "refused", reason: "card_closed" };
        }
        return await provider.refund(key, content, signal);
      },
    }),
    env: { PROVIDER_RETRY_MS: "20" },
  });
  await chargeAll(shop, [attempt("o", { paymentMethod: "pm_ok" })]);
  const { id } = await paymentOf(shop, "o");
  await shop.provider.goDown();
  refusals = 0;
  await shop.payments.refundPayment({ paymentId: id, refundId: "r", amount: usd(30n) });
  await voidAll(shop, [{ orderId: "o" }]);
  refusals = 1;
  await shop.provider.comeUp();
  await untilSettled(shop);

  expect((await shop.provider.get(id))?.refundedMinor).toBe("70");
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);
  await shop.payments.retryRefund({ id: "r" });
  expect((await shop.provider.get(id))?.refundedMinor).toBe("100");
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

/** The provider charges, and its answer is held back until it is released. */
function holdCharges() {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const wrap = (provider: CardProvider): CardProvider => ({
    ...provider,
    async charge(key, content, signal) {
      const answer = await provider.charge(key, content, signal);
      await promise;
      return answer;
    },
  });
  return { wrap, release };
}
