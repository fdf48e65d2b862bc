import { randomOf } from "@sagacart/chassis/testing/random";
import { expect, test } from "vitest";
import { auditBooks } from "./testing/books.ts";
import { attempt, chargeAll, reasonOf, untilSettled, usd, voidAll } from "./testing/calls.ts";
import { startTestPayment } from "./testing/stack.ts";

const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`every call given twice, at random: money is conserved, and the provider's books are ours (TEST_SEED=${seed})`, async () => {
  await using shop = await startTestPayment({ env: { PROVIDER_BATCH_MS: "200", PROVIDER_TIMEOUT_MS: "1000" } });
  const { accounts, payments, pool, provider } = shop;
  const random = randomOf(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)]!;
  const customers = Array.from({ length: 8 }, (_, index) => `c-${index}`);
  const methods = ["", "", "", "pm_ok", "pm_declined", "pm_lost_answer", "pm_twice", "pm_late", "pm_down", "pm_slow"];
  const orders = Array.from({ length: 100 }, (_, index) => ({
    orderId: `o-${index}`,
    customerId: pick([...customers, "nobody"]),
    paymentMethod: pick(methods),
    amount: usd(BigInt(below(400))),
  }));
  const some = () => [...new Set(Array.from({ length: 1 + below(12) }, () => pick(orders)))];
  await accounts.batchPutAccounts({ items: customers.map((customerId) => ({ customerId, balance: usd(3_000n) })) });

  const calls = Array.from({ length: 110 }, (_, index): (() => Promise<unknown>) => {
    const kind = random();
    const number = 1 + below(3);
    const batch = some();
    const customerId = pick(customers);
    const amount = usd(BigInt(1 + below(200)));
    const requestId = `r-${index}`;
    if (kind < 0.45) {
      return () =>
        chargeAll(
          shop,
          batch.map((order) => attempt(order.orderId, { ...order, attempt: number })),
        );
    }
    if (kind < 0.6) {
      return () =>
        voidAll(
          shop,
          batch.map(({ orderId }) => ({ orderId, attempt: number - 1 })),
        );
    }
    if (kind < 0.75) {
      return () => reasonOf(refundSome(batch[0]!.orderId, requestId, number === 1 ? undefined : amount));
    }
    if (kind < 0.85) {
      const paymentMethod = pick(methods);
      return () => reasonOf(payments.createPayment({ customerId, amount, paymentMethod, requestId }));
    }
    return () => accounts.deposit({ customerId, amount, requestId });
  });
  const refundSome = async (orderId: string, refundId: string, amount: ReturnType<typeof usd> | undefined) => {
    const { payments: found } = await payments.listPayments({ orderId });
    const paymentId = found.at(-1)?.id ?? "none";
    await payments.refundPayment({ paymentId, refundId, ...(amount === undefined ? {} : { amount }) });
  };

  const twice = [...calls, ...calls].map((call) => ({ call, turn: random() })).sort((a, b) => a.turn - b.turn);
  const lane = async () => {
    for (let next = twice.shift(); next !== undefined; next = twice.shift()) {
      await next.call();
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await untilSettled(shop);

  expect(await auditBooks(pool)).toEqual([]);
  const live = await pool.query(
    "select order_id from payments where state in ('PENDING', 'CAPTURED') and kind = 'ORDER' group by 1 having count(*) > 1",
  );
  expect(live.rows).toEqual([]);
  const { rows } = await pool.query(`
    select coalesce(a.name, 'customers') as name, sum(p.amount_minor)::bigint from accounts a
    join postings p on p.account_id = a.id group by 1`);
  const books = new Map<string, bigint>(rows.map(({ name, sum }) => [name, sum]));
  expect([...books.values()].reduce((a, b) => a + b, 0n)).toBe(0n);
  const ours = await pool.query(`
    select p.id, p.captured_minor::text as captured, coalesce(sum(r.amount_minor), 0)::text as refunded
    from payments p left join refunds r on r.payment_id = p.id and r.state = 'SUCCEEDED'
    where p.payment_method <> '' and p.captured_minor > 0 group by p.id order by p.id`);
  const theirs = (await provider.list())
    .filter(({ status }) => status === "captured")
    .map(({ key, amountMinor, refundedMinor }) => ({ id: key, captured: amountMinor, refunded: refundedMinor }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(theirs).toEqual(ours.rows);
  const held = theirs.reduce((sum, { captured, refunded }) => sum + BigInt(captured) - BigInt(refunded), 0n);
  expect(books.get("card:clearing") ?? 0n).toBe(-held);
});
