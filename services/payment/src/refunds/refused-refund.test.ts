import { Refund_Source, Refund_State } from "@sagacart/proto/payment/v1/payment";
import { expect, test } from "vitest";
import type { CardProvider, ChargeReading } from "../card-provider/card-provider.ts";
import { auditBooks } from "../testing/books.ts";
import {
  attempt,
  chargeAll,
  commandsOf,
  eventsOf,
  paymentOf,
  reasonOf,
  untilSettled,
  usd,
  voidAll,
} from "../testing/calls.ts";
import { startTestPayment, type TestPayment } from "../testing/stack.ts";

/** A shop in which order o is paid with 100 by a card. Whatever is to be asked again is asked only when a test says so. */
async function startPaid(paymentMethod = "pm_ok", options: Parameters<typeof startTestPayment>[0] = {}) {
  const shop = await startTestPayment({ ...options, env: { PROVIDER_RETRY_MS: "60000", ...options.env } });
  await chargeAll(shop, [attempt("o", { paymentMethod })]);
  const { id: paymentId } = await paymentOf(shop, "o");
  return { ...shop, paymentId, [Symbol.asyncDispose]: shop[Symbol.asyncDispose] };
}

/** Lists the refunds of order o, oldest first: "UNDO 60 SUCCEEDED". */
async function refundsOf({ payments }: TestPayment): Promise<string[]> {
  const { refunds } = await payments.listRefunds({ orderId: "o" });
  return refunds
    .toReversed()
    .map(({ source, amount, state, failureReason }) =>
      `${nameOf(Refund_Source, source)} ${amount?.minorUnits} ${nameOf(Refund_State, state)} ${failureReason}`.trim(),
    );
}

function nameOf(names: Readonly<Record<string, number>>, number: number): string {
  return Object.entries(names).find(([, value]) => value === number)?.[0] ?? `${number}`;
}

/** Lists the ledger's entries about payments: "refund 60". */
async function entriesOf({ pool }: TestPayment): Promise<string[]> {
  const { rows } = await pool.query(
    `select kind || ' ' || abs(amount_minor) as text from journal_entries join postings on entry_id = id and line = 1
     order by id`,
  );
  return rows.map(({ text }) => text);
}

async function isAskedAgain({ pool }: TestPayment): Promise<boolean> {
  const { rowCount } = await pool.query("select from refunds where next_ask_time is not null");
  return rowCount !== 0;
}

test.each([
  "charge_disputed",
  "charge_expired",
  "unknown_charge",
  "card_closed",
  "more_than_charged",
  "already_refunded",
])(
  "a refund that undoes a payment and is refused as %s is REFUSED at once, with a command for the operators",
  async (reason) => {
    await using shop = await startPaid(`pm_refund_${reason}`);

    expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);

    const { outcomes } = await shop.payments.batchVoid({ items: [{ orderId: "o" }] });
    expect(outcomes[0]?.outcome).toMatchObject({ case: "refused", value: { reason, amount: usd(100n) } });
    expect(await refundsOf(shop)).toEqual([`UNDO 100 REFUSED ${reason}`]);
    expect(await commandsOf(shop)).toContain("PAY_BACK_CHANGED o {}");
    expect(await isAskedAgain(shop)).toBe(false);
    expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("0");
    expect(await auditBooks(shop.pool)).toEqual([]);
  },
);

test.each([
  ["a part", [40n], ["UNDO 60 SUCCEEDED", "PROVIDER 40 SUCCEEDED"]],
  ["all but the least", [99n], ["UNDO 1 SUCCEEDED", "PROVIDER 99 SUCCEEDED"]],
  ["the least", [1n], ["UNDO 99 SUCCEEDED", "PROVIDER 1 SUCCEEDED"]],
  ["two parts", [30n, 20n], ["UNDO 50 SUCCEEDED", "PROVIDER 30 SUCCEEDED", "PROVIDER 20 SUCCEEDED"]],
  ["all", [100n], ["UNDO 100 FAILED paid_back_otherwise", "PROVIDER 100 SUCCEEDED"]],
  [
    "all in two parts",
    [70n, 30n],
    ["UNDO 30 FAILED paid_back_otherwise", "PROVIDER 70 SUCCEEDED", "PROVIDER 30 SUCCEEDED"],
  ],
])("after the merchant paid back %s at the provider, a void pays back what is left", async (_, outside, refunds) => {
  await using shop = await startPaid();
  for (const [index, amountMinor] of outside.entries()) {
    await shop.provider.refundOutside({ key: `${index}`, charge: shop.paymentId, amountMinor }, { webhooks: 0 });
  }

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);

  expect((await refundsOf(shop)).sort()).toEqual(refunds.toSorted());
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
  expect((await paymentOf(shop, "o")).refunded).toMatchObject(usd(100n));
  const outsideEntries = outside.map((amountMinor) => `outside_refund ${amountMinor}`);
  expect(await entriesOf(shop)).toEqual(expect.arrayContaining(["charge 100", ...outsideEntries]));
  expect(await isAskedAgain(shop)).toBe(false);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("of a charge that was paid back in part outside and is disputed then, the rest is REFUSED", async () => {
  await using shop = await startPaid("pm_refund_charge_disputed");
  await shop.provider.refundOutside({ key: "k", charge: shop.paymentId, amountMinor: 40n }, { webhooks: 0 });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);

  expect((await refundsOf(shop)).sort()).toEqual(["PROVIDER 40 SUCCEEDED", "UNDO 60 REFUSED charge_disputed"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund of a charge that the provider has forgotten is REFUSED", async () => {
  await using shop = await startPaid();
  await shop.provider.refuse(shop.paymentId, { refund: "unknown_charge", read: "unknown_charge" });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);

  expect(await refundsOf(shop)).toEqual(["UNDO 100 REFUSED unknown_charge"]);
});

test("where less is left at the provider than anybody can tell, that is paid back, and the rest is REFUSED", async () => {
  await using shop = await startPaid("pm_ok", { wrap: holdingBack(() => 70n) });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refused"]);

  expect((await refundsOf(shop)).sort()).toEqual(["UNDO 30 SUCCEEDED", "UNDO 70 REFUSED more_than_charged"]);
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("30");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund of what was missing at the provider, paid back after a retry, has its incident brought up to date", async () => {
  const held = { minor: 70n };
  await using shop = await startPaid("pm_ok", { wrap: holdingBack(() => held.minor) });
  await voidAll(shop, [{ orderId: "o" }]);
  const { refunds } = await shop.payments.listRefunds({ orderId: "o" });
  const { id = "" } = refunds.find(({ state }) => state === Refund_State.REFUSED) ?? {};
  const before = (await commandsOf(shop)).length;

  held.minor = 0n;
  expect((await shop.payments.retryRefund({ id })).refund?.state).toBe(Refund_State.SUCCEEDED);

  expect((await commandsOf(shop)).slice(before)).toContain("PAY_BACK_CHANGED o {}");
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refund that is refused while the provider decides about another one waits, and is paid back then", async () => {
  let undecided = true;
  await using shop = await startPaid("pm_ok", {
    wrap: (provider) => ({
      ...provider,
      refund: async (...call) =>
        undecided ? { kind: "refused", reason: "refund_in_progress" } : await provider.refund(...call),
      async read(...call) {
        const reading = await provider.read(...call);
        return reading.kind === "captured" && undecided
          ? { ...reading, refunds: [{ id: "re_9", key: "", amountMinor: 10n, kind: "pending" as const }] }
          : reading;
      },
    }),
  });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["waits"]);
  undecided = false;
  await shop.pool.query("update refunds set next_ask_time = now() where state = 'PENDING'");
  await untilSettled(shop);

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect(await refundsOf(shop)).toEqual(["UNDO 100 SUCCEEDED"]);
});

test("a charge that cannot be read after a refusal is not decided about, and is asked about again", async () => {
  let reads = 0;
  await using shop = await startPaid("pm_refund_charge_disputed", {
    wrap: (provider) => ({
      ...provider,
      async read(...call): Promise<ChargeReading> {
        reads++;
        if (reads === 1) {
          throw new Error("the answer is lost");
        }
        return await provider.read(...call);
      },
    }),
  });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["waits"]);
  await shop.pool.query("update refunds set next_ask_time = now() where state = 'PENDING'");
  await untilSettled(shop);

  expect(await refundsOf(shop)).toEqual(["UNDO 100 REFUSED charge_disputed"]);
  expect(await commandsOf(shop)).toContain("PAY_BACK_CHANGED o {}");
});

test.each([
  ["already_captured", 0n, "refunded"],
  ["already_refunded_in_part", 40n, "refunded"],
  ["already_refunded", 100n, "refunded"],
])(
  "a charge whose answer was lost, and whose cancellation is refused as %s, is paid back",
  async (reason, amountMinor, outcome) => {
    await using shop = await startPaid("pm_lost_answer");
    await shop.provider.refuse(shop.paymentId, { cancel: reason });
    if (amountMinor > 0n) {
      await shop.provider.refundOutside({ key: "k", charge: shop.paymentId, amountMinor }, { webhooks: 0 });
    }

    expect(await voidAll(shop, [{ orderId: "o" }])).toEqual([outcome]);

    expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
    expect(await auditBooks(shop.pool)).toEqual([]);
  },
);

test("a cancellation that is refused for a charge that the provider does not have leaves nothing to do", async () => {
  await using shop = await startPaid("pm_down");
  await shop.provider.refuse(shop.paymentId, { cancel: "unknown_charge" });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["voided"]);
});

test("a cancellation that is refused while the provider has not decided waits, and a late capture is paid back", async () => {
  await using shop = await startPaid("pm_cancel_under_way", { env: { PROVIDER_BATCH_MS: "200" } });

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["waits"]);

  await expect
    .poll(async () => (await shop.provider.get(shop.paymentId))?.refundedMinor, { timeout: 30_000 })
    .toBe("100");
  await expect.poll(() => voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test.each(["account_closed", "capture_expired", "amount_too_small"])(
  "a charge that is refused for good as %s is declined, and nothing is charged",
  async (reason) => {
    await using shop = await startTestPayment();

    expect(await chargeAll(shop, [attempt("o", { paymentMethod: `pm_charge_${reason}` })])).toEqual([
      `DECLINED ${reason}`,
    ]);

    expect(await shop.provider.list()).toEqual([]);
  },
);

test("a charge that is refused for good, but was made before, is captured", async () => {
  await using shop = await startTestPayment({
    wrap: (provider) => ({
      ...provider,
      async charge(...call) {
        await provider.charge(...call);
        return { kind: "refused", reason: "duplicate" };
      },
    }),
  });

  expect(await chargeAll(shop, [attempt("o", { paymentMethod: "pm_ok" })])).toEqual(["captured"]);
});

test("a refund of a captured payment that is refused fails at once, and refunds from outside are recorded with it", async () => {
  await using shop = await startPaid();
  await shop.provider.refundOutside({ key: "k", charge: shop.paymentId, amountMinor: 40n }, { webhooks: 0 });
  const { paymentId } = shop;

  const { refund } = await shop.payments.refundPayment({ paymentId, refundId: "r", amount: usd(70n) });

  expect(refund).toMatchObject({ state: Refund_State.FAILED, failureReason: "more_than_charged" });
  expect((await paymentOf(shop, "o")).refunded).toMatchObject(usd(40n));
  expect(await reasonOf(shop.payments.refundPayment({ paymentId, amount: usd(61n) }))).toBe("REFUND_TOO_HIGH");
  await shop.payments.refundPayment({ paymentId });
  expect((await shop.provider.get(paymentId))?.refundedMinor).toBe("100");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a customer's refund under way and the refund that undoes the payment share what is left", async () => {
  await using shop = await startPaid("pm_ok", { env: { PROVIDER_RETRY_MS: "20" } });
  await shop.provider.goDown();
  await shop.payments.refundPayment({ paymentId: shop.paymentId, refundId: "r", amount: usd(30n) });
  await voidAll(shop, [{ orderId: "o" }]);
  await shop.provider.comeUp();
  await shop.provider.refundOutside({ key: "k", charge: shop.paymentId, amountMinor: 80n }, { webhooks: 0 });
  await untilSettled(shop);

  expect(await voidAll(shop, [{ orderId: "o" }])).toEqual(["refunded"]);
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
  expect((await paymentOf(shop, "o")).refunded).toMatchObject(usd(100n));
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a refused refund is asked for again by an operator, and paid back once the provider accepts it", async () => {
  await using shop = await startPaid("pm_refund_charge_disputed");
  await voidAll(shop, [{ orderId: "o" }]);
  const id = `void-${shop.paymentId}`;

  expect((await shop.payments.retryRefund({ id })).refund).toMatchObject({
    state: Refund_State.REFUSED,
    failureReason: "charge_disputed",
    refusals: 2,
  });
  await shop.provider.refuse(shop.paymentId, {});
  expect((await shop.payments.retryRefund({ id })).refund?.state).toBe(Refund_State.SUCCEEDED);
  expect((await shop.payments.retryRefund({ id })).refund?.state).toBe(Refund_State.SUCCEEDED);

  expect((await commandsOf(shop)).slice(-3)).toEqual([
    `REFUND_SETTLED o {"state": "SUCCEEDED", "refundId": "${id}"}`,
    'PAYMENT_SETTLED o {"state": "VOIDED", "attempt": 1}',
    "PAY_BACK_CHANGED o {}",
  ]);
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
  expect(await reasonOf(shop.payments.retryRefund({ id: "none" }))).toBe("REFUND_NOT_FOUND");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("thirty operators who retry at once pay back once", async () => {
  await using shop = await startPaid("pm_refund_charge_disputed");
  await voidAll(shop, [{ orderId: "o" }]);
  await shop.provider.refuse(shop.paymentId, {});

  await Promise.all(Array.from({ length: 30 }, () => shop.payments.retryRefund({ id: `void-${shop.paymentId}` })));
  await untilSettled(shop);

  expect(await refundsOf(shop)).toEqual(["UNDO 100 SUCCEEDED"]);
  expect((await shop.provider.get(shop.paymentId))?.refundedMinor).toBe("100");
  expect(await eventsOf(shop, shop.paymentId)).toEqual(["captured", "voided", "refunded"]);
});

/** Lets the provider keep some of each charge, and not tell why. */
function holdingBack(heldMinor: () => bigint): (provider: CardProvider) => CardProvider {
  return (provider) => {
    const read: CardProvider["read"] = async (...call) => {
      const reading = await provider.read(...call);
      return reading.kind === "captured" ? { ...reading, leftMinor: reading.leftMinor - heldMinor() } : reading;
    };
    return {
      ...provider,
      read,
      async refund(key, content, signal) {
        const reading = await read(content.paymentId, signal);
        return reading.kind === "captured" && reading.leftMinor < content.amountMinor
          ? { kind: "refused", reason: "more_than_charged" }
          : await provider.refund(key, content, signal);
      },
    };
  };
}
