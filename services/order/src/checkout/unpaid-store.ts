import type { Transaction } from "@sagacart/chassis/postgres/pool";
import type { Unpaid } from "./unpaid-limits.ts";

/**
 * Locks these customers' unpaid orders until the transaction ends, and counts them. Other checkouts of the same customers,
 * in other processes too, wait here, so that together they do not exceed a limit which each of them keeps.
 *
 * An order may ask for 30 days at most, and is not unpaid for much longer: only the latest are counted, by the index of a
 * customer's orders.
 */
export async function lockUnpaid(tx: Transaction, customerIds: readonly string[]): Promise<Map<string, Unpaid>> {
  await tx.query({
    name: "lock-unpaid",
    text: `select pg_advisory_xact_lock(hashtextextended('unpaid orders of ' || id, 0))
           from (select id from unnest($1::text[]) as id order by id) as customers`,
    values: [customerIds],
  });
  const { rows } = await tx.query<{ customer_id: string; orders: number; units: number }>({
    name: "count-unpaid",
    text: `select o.customer_id, count(*)::int as orders, coalesce(sum(l.units), 0)::float8 as units
           from orders o
           cross join lateral (
             select sum(quantity) as units from order_lines where order_id = o.id
           ) as l
           where o.customer_id = any($1) and o.create_time > now() - interval '32 days'
             and o.pay_later and o.state in ('PENDING', 'RESERVED', 'AWAITING_PAYMENT')
           group by o.customer_id`,
    values: [customerIds],
  });
  return new Map(rows.map(({ customer_id, orders, units }) => [customer_id, { orders, units }]));
}
