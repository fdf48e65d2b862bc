import type { Pool } from "@sagacart/chassis/postgres/pool";

/** Audits the ledger, the refunds and the events. Returns one row for each inconsistency. */
export async function auditBooks(pool: Pool): Promise<unknown[]> {
  const { rows } = await pool.query(`
    select 'entry' as what, entry_id::text as which from postings group by entry_id, currency having sum(amount_minor) <> 0
    union all
    select 'balance', a.customer_id from accounts a left join postings p on p.account_id = a.id
    where a.kind = 'CUSTOMER' group by a.id having a.balance <> coalesce(sum(p.amount_minor), 0)
    union all
    select 'refunds', p.id::text from payments p
    left join (select payment_id, sum(amount_minor) from refunds where state <> 'FAILED' group by 1) r
      on r.payment_id = p.id where p.refunded_minor <> coalesce(r.sum, 0)
    union all
    select 'sales', p.id::text from payments p
    left join (select payment_id, sum(amount_minor) from refunds where state = 'SUCCEEDED' group by 1) r
      on r.payment_id = p.id
    left join (select e.reference, sum(g.amount_minor) from journal_entries e join postings g on g.entry_id = e.id
               join accounts a on a.id = g.account_id where a.name = 'sales' group by 1) l on l.reference = p.id::text
    where p.captured_minor - coalesce(r.sum, 0) <> coalesce(l.sum, 0)
    union all
    select 'event', p.id::text from payments p left join events e on e.subject = p.id::text
    group by p.id having p.event_sequence <> count(e.subject) or p.event_sequence <> coalesce(max(e.sequence), 0)`);
  return rows;
}
