import { expect, test } from "vitest";
import { attempt, chargeAll, fund, paymentOf, usd, voidAll } from "../testing/calls.ts";
import { startTestPayment, type TestPayment } from "../testing/stack.ts";

const byCard = attempt("o", { paymentMethod: "pm_ok" });
const refusedCard = attempt("o", { paymentMethod: "pm_refund_charge_disputed" });

async function refundedOutside(shop: TestPayment, amountMinor: bigint): Promise<void> {
  const { id: charge } = await paymentOf(shop, "o");
  await shop.provider.refundOutside({ key: "k", charge, amountMinor }, { webhooks: 0 });
}

async function settledByHand(shop: TestPayment, ...parts: bigint[]): Promise<void> {
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);
  const id = `void-${(await paymentOf(shop, "o")).id}`;
  for (const [index, part] of parts.entries()) {
    const request = { id, reason: "bank transfer", requestId: `s-${index}`, amount: usd(part) };
    await shop.payments.settleRefund(request);
  }
}

type Case = [what: string, prepare: (shop: TestPayment) => Promise<void>, paidBack: bigint, settledOtherwise: bigint];

test.each<Case>([
  ["that was never charged", async () => {}, 0n, 0n],
  [
    "whose charge was declined",
    async (shop) => {
      await chargeAll(shop, [attempt("o", { paymentMethod: "pm_decline_insufficient_funds" })]);
    },
    0n,
    0n,
  ],
  [
    "that cost nothing",
    async (shop) => {
      await fund(shop, "ada", 0n);
      await chargeAll(shop, [attempt("o", { amount: usd(0n) })]);
    },
    0n,
    0n,
  ],
  [
    "paid from the balance",
    async (shop) => {
      await fund(shop, "ada", 500n);
      await chargeAll(shop, [attempt("o")]);
    },
    100n,
    0n,
  ],
  [
    "paid by card",
    async (shop) => {
      await chargeAll(shop, [byCard]);
    },
    100n,
    0n,
  ],
  [
    "of which the shop had refunded a part",
    async (shop) => {
      await fund(shop, "ada", 500n);
      await chargeAll(shop, [attempt("o")]);
      const { id: paymentId } = await paymentOf(shop, "o");
      await shop.payments.refundPayment({ paymentId, amount: usd(30n) });
    },
    100n,
    0n,
  ],
  [
    "of which the merchant had refunded a part at the provider",
    async (shop) => {
      await chargeAll(shop, [byCard]);
      await refundedOutside(shop, 40n);
    },
    100n,
    0n,
  ],
  [
    "whose refund was settled by hand",
    async (shop) => {
      await chargeAll(shop, [refusedCard]);
      await settledByHand(shop, 100n);
    },
    0n,
    100n,
  ],
  [
    "whose refund was settled by hand in parts",
    async (shop) => {
      await chargeAll(shop, [refusedCard]);
      await settledByHand(shop, 30n, 70n);
    },
    0n,
    100n,
  ],
  [
    "that was paid back in part, and settled by hand for the rest",
    async (shop) => {
      await chargeAll(shop, [refusedCard]);
      await refundedOutside(shop, 40n);
      await settledByHand(shop, 60n);
    },
    40n,
    60n,
  ],
  [
    "of which the first attempt was declined and the second paid",
    async (shop) => {
      await chargeAll(shop, [attempt("o", { paymentMethod: "pm_decline_insufficient_funds" })]);
      await chargeAll(shop, [{ ...byCard, attempt: 2 }]);
    },
    100n,
    0n,
  ],
])(
  "the void of an order %s tells what the customer got back, each time",
  async (_, prepare, paidBack, settledOtherwise) => {
    await using shop = await startTestPayment();
    await prepare(shop);

    for (let times = 0; times < 2; times++) {
      const { outcomes } = await shop.payments.batchVoid({ items: [{ orderId: "o" }] });
      const outcome = outcomes[0]?.outcome;
      expect(outcome?.case).toBe("voided");
      const payBack = outcome?.case === "voided" ? outcome.value.payBack : undefined;
      expect([payBack?.paidBack?.minorUnits ?? 0n, payBack?.settledOtherwise?.minorUnits ?? 0n]).toEqual([
        paidBack,
        settledOtherwise,
      ]);
      expect(payBack?.paidBack?.currencyCode ?? "USD").toBe("USD");
    }
  },
);
