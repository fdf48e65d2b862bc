import { Dispute_State, Dispute_StateSchema } from "@sagacart/proto/payment/v1/payment";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditBooks } from "../testing/books.ts";
import { attempt, chargeAll, eventsOf, paymentOf, reasonOf, untilSettled, usd } from "../testing/calls.ts";
import { startTestPayment, type TestPayment } from "../testing/stack.ts";
import { disputed, sendWebhook } from "../testing/webhooks.ts";

let shop: TestPayment;
beforeAll(async () => {
  shop = await startTestPayment();
});
afterAll(() => shop[Symbol.asyncDispose]());

let orders = 0;

/** Charges 100 to a card for a new order. */
async function chargeCard(): Promise<{ id: string; orderId: string; disputeId: string }> {
  const orderId = `disputed-${++orders}`;
  await chargeAll(shop, [attempt(orderId, { paymentMethod: "pm_ok" })]);
  return { id: (await paymentOf(shop, orderId)).id, orderId, disputeId: `dp_${orders}` };
}

/** The balances of the shop's accounts by the journal entries of a payment, without the sales, and the entries' kinds. */
async function booksOf(paymentId: string) {
  const { rows: sums } = await shop.pool.query(
    `select a.name, sum(p.amount_minor)::int as sum from journal_entries e join postings p on p.entry_id = e.id
     join accounts a on a.id = p.account_id where e.reference = $1 group by 1 having sum(p.amount_minor) <> 0`,
    [paymentId],
  );
  const { rows: kinds } = await shop.pool.query("select kind from journal_entries where reference = $1 order by 1", [
    paymentId,
  ]);
  return { sums: Object.fromEntries(sums.map(({ name, sum }) => [name, sum])), kinds: kinds.map(({ kind }) => kind) };
}

type Told = "opened" | "won" | "lost";

const ends = {
  opened: {
    state: "OPEN",
    disputed: 60n,
    events: ["captured", "dispute_opened"],
    sums: { sales: 100, "card:clearing": -40, "disputes:open": -60 },
    kinds: ["charge", "dispute_opened"],
  },
  won: {
    state: "WON",
    disputed: 0n,
    events: ["captured", "dispute_opened", "dispute_won"],
    sums: { sales: 100, "card:clearing": -100 },
    kinds: ["charge", "dispute_opened", "dispute_won"],
  },
  lost: {
    state: "LOST",
    disputed: 60n,
    events: ["captured", "dispute_opened", "dispute_lost"],
    sums: { sales: 100, "card:clearing": -40, "disputes:lost": -60 },
    kinds: ["charge", "dispute_lost", "dispute_opened"],
  },
};

/** All sequences of one to three webhooks about one dispute: in any order, repeated, and contradicting each other. */
const sequences: Told[][] = (["opened", "won", "lost"] as const).flatMap((first, _, all) => [
  [first],
  ...all.flatMap((second) => [[first, second], ...all.map((third) => [first, second, third])]),
]);

test.each(sequences.map((told) => [told.join(", "), told] as const))(
  "a dispute of which the provider tells: %s",
  async (_, told) => {
    const { id, orderId, disputeId } = await chargeCard();
    const end = ends[told.find((state) => state !== "opened") ?? "opened"];

    for (const [index, state] of told.entries()) {
      await sendWebhook(shop, disputed(id, state, { disputeId, amountMinor: 60 }, `evt_${id}_${index}`));
      await untilSettled(shop);
    }

    const { disputes } = await shop.payments.listDisputes({ orderId });
    expect(disputes.map(({ state }) => Dispute_StateSchema.value[state]?.localName)).toEqual([end.state]);
    expect((await shop.payments.getDispute({ id: disputeId })).dispute).toEqual(disputes[0]);
    expect(disputes[0]).toMatchObject({
      paymentId: id,
      orderId,
      customerId: "ada",
      amount: usd(60n),
      reason: "fraudulent",
    });
    expect((await shop.payments.getPayment({ id })).payment?.disputed).toMatchObject(usd(end.disputed));
    expect(await eventsOf(shop, id)).toEqual(end.events);
    expect(await booksOf(id)).toEqual({ sums: end.sums, kinds: end.kinds });
    expect(await auditBooks(shop.pool)).toEqual([]);
  },
);

test("webhooks about a dispute that come at once, each five times, open it once and decide it once", async () => {
  const { id, disputeId } = await chargeCard();

  await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      sendWebhook(
        shop,
        disputed(id, index % 2 === 0 ? "lost" : "opened", { disputeId, amountMinor: 60 }, `e_${id}_${index}`),
      ),
    ),
  );
  await untilSettled(shop);

  expect(await eventsOf(shop, id)).toEqual(ends.lost.events);
  expect(await booksOf(id)).toEqual({ sums: ends.lost.sums, kinds: ends.lost.kinds });
});

test("what is disputed, or lost in a dispute, is not refunded; what a dispute won brought back is", async () => {
  const { id, disputeId } = await chargeCard();
  await sendWebhook(shop, disputed(id, "opened", { disputeId, amountMinor: 60 }, `evt_${id}_1`));
  await untilSettled(shop);

  expect(await reasonOf(shop.payments.refundPayment({ paymentId: id, amount: usd(41n) }))).toBe("REFUND_TOO_HIGH");
  await shop.payments.refundPayment({ paymentId: id, amount: usd(40n) });
  await sendWebhook(shop, disputed(id, "won", { disputeId, amountMinor: 60 }, `evt_${id}_2`));
  await untilSettled(shop);
  const { refund } = await shop.payments.refundPayment({ paymentId: id });

  expect(refund?.amount).toMatchObject(usd(60n));
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("a bank may take back what was refunded already: the dispute is recorded, and nothing is left to refund", async () => {
  const { id, disputeId } = await chargeCard();
  await shop.payments.refundPayment({ paymentId: id, amount: usd(90n) });

  await sendWebhook(shop, disputed(id, "lost", { disputeId }, `evt_${id}_1`));
  await untilSettled(shop);

  expect(await booksOf(id)).toMatchObject({ sums: { sales: 10, "card:clearing": 90, "disputes:lost": -100 } });
  expect(await reasonOf(shop.payments.refundPayment({ paymentId: id }))).toBe("REFUND_TOO_HIGH");
  expect(await auditBooks(shop.pool)).toEqual([]);
});

test("disputes are listed by payment, order and state, newest first, in pages", async () => {
  const { id, orderId } = await chargeCard();
  for (const [index, state] of (["opened", "won", "opened"] as const).entries()) {
    const dispute = { disputeId: `dp_${id}_${index}`, amountMinor: 10 };
    await sendWebhook(shop, disputed(id, state, dispute, `evt_${id}_${index}`));
    await untilSettled(shop);
  }
  const ids = async (filter: object) => {
    const { disputes, nextPageToken } = await shop.payments.listDisputes(filter);
    return [disputes.map((dispute) => dispute.id.at(-1)).join(""), nextPageToken] as const;
  };

  expect(await ids({ paymentId: id })).toEqual(["210", ""]);
  expect(await ids({ orderId, state: Dispute_State.OPEN })).toEqual(["20", ""]);
  const [first, pageToken] = await ids({ orderId, pageSize: 2 });
  expect([first, (await ids({ orderId, pageSize: 2, pageToken }))[0]]).toEqual(["21", "0"]);
  expect(await ids({ paymentId: "not-a-uuid" })).toEqual(["", ""]);
  expect(await reasonOf(shop.payments.getDispute({ id: "none" }))).toBe("DISPUTE_NOT_FOUND");
});

test("a dispute of another payment or in another currency stays in the inbox and holds up no other", async () => {
  await using own = await startTestPayment();
  await chargeAll(own, [attempt("a", { paymentMethod: "pm_ok" }), attempt("b", { paymentMethod: "pm_ok" })]);
  const [a, b] = await Promise.all(["a", "b"].map((orderId) => paymentOf(own, orderId)));
  await sendWebhook(own, disputed(a!.id, "opened", { disputeId: "dp_1" }));
  await untilSettled(own);

  await sendWebhook(own, disputed(b!.id, "won", { disputeId: "dp_1" }, "evt_of_other"));
  await sendWebhook(own, disputed(b!.id, "opened", { disputeId: "dp_2", currency: "EUR" }, "evt_of_euros"));
  await sendWebhook(own, disputed(b!.id, "opened", { disputeId: "dp_3" }, "evt_good"));
  await expect.poll(async () => (await own.payments.listDisputes({ orderId: "b" })).disputes.length).toBe(1);

  const { rows } = await own.pool.query("select id from webhooks where next_try_time is not null order by id");
  expect(rows.map(({ id }) => id)).toEqual(["evt_of_euros", "evt_of_other"]);
  expect((await own.payments.getDispute({ id: "dp_1" })).dispute).toMatchObject({
    paymentId: a!.id,
    state: Dispute_State.OPEN,
  });
});

test("a dispute that is opened and won at the provider reaches the shop, which can refund what it got back", async () => {
  const { id, disputeId } = await chargeCard();
  const disputeOf = async () => (await shop.payments.listDisputes({ paymentId: id })).disputes[0];

  await shop.provider.dispute(disputeId, { charge: id, amountMinor: 70n });
  await expect.poll(disputeOf).toMatchObject({ state: Dispute_State.OPEN, amount: usd(70n) });
  expect(await shop.provider.get(id)).toMatchObject({ disputedMinor: "70" });
  await shop.provider.dispute(disputeId, "won");
  expect(await shop.provider.dispute(disputeId, "lost")).toMatchObject({ status: "won" });
  await expect.poll(disputeOf).toMatchObject({ state: Dispute_State.WON });
  await shop.payments.refundPayment({ paymentId: id });

  expect(await shop.provider.get(id)).toMatchObject({ disputedMinor: "0", refundedMinor: "100" });
});
