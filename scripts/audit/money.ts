import { breaches, count, type Databases, type Report } from "./finding.ts";
import { auditSettlements } from "./pay-back.ts";

/** Checks law 1: money is conserved. */
export async function auditMoney({ payment: db }: Databases): Promise<Report> {
  const findings = [
    ...(await breaches<{ entry_id: string; currency: string; sum: string }>(db, {
      law: 1,
      sql: "select entry_id, currency, sum(amount_minor) from postings group by 1, 2 having sum(amount_minor) <> 0",
      text: (row) => `journal entry ${row.entry_id} does not sum to zero: ${row.sum} ${row.currency}`,
    })),
    ...(await breaches<{ customer_id: string; currency: string; balance: string; sum: string }>(db, {
      law: 1,
      sql: `select a.customer_id, a.currency, a.balance, coalesce(sum(p.amount_minor), 0) as sum
            from accounts a left join postings p on p.account_id = a.id
            where a.kind = 'CUSTOMER' group by a.id having a.balance <> coalesce(sum(p.amount_minor), 0) or a.balance < 0`,
      text: (row) =>
        `customer ${row.customer_id} has a balance of ${row.balance} ${row.currency}, but postings of ${row.sum}`,
    })),
    ...(await breaches<{ id: string; captured: string; refunded: string; sum: string }>(db, {
      law: 1,
      sql: `select p.id, p.captured_minor as captured, p.refunded_minor as refunded, coalesce(r.sum, 0) as sum
            from payments p
            left join (select payment_id, sum(amount_minor) from refunds where state <> 'FAILED' group by 1) r
              on r.payment_id = p.id
            where p.refunded_minor <> coalesce(r.sum, 0) or p.refunded_minor > p.captured_minor`,
      text: (row) =>
        `payment ${row.id} captured ${row.captured} and refunded ${row.refunded}, but its refunds sum to ${row.sum}`,
    })),
    ...(await breaches<{ id: string; charged: string; posted: string }>(db, {
      law: 1,
      sql: `select p.id, p.captured_minor - coalesce(r.sum, 0) as charged, coalesce(l.sum, 0) as posted
            from payments p
            left join (select payment_id, sum(amount_minor) from refunds where state = 'SUCCEEDED' group by 1) r
              on r.payment_id = p.id
            left join (select e.reference, sum(g.amount_minor) from journal_entries e
                       join postings g on g.entry_id = e.id join accounts a on a.id = g.account_id
                       where a.kind = 'SYSTEM' and a.name = 'sales' group by 1) l
              on l.reference = p.id::text
            where p.captured_minor - coalesce(r.sum, 0) <> coalesce(l.sum, 0)`,
      text: (row) => `payment ${row.id} charged ${row.charged} net, but the ledger has ${row.posted}`,
    })),
    ...(await breaches<{ id: string; outside: string; posted: string }>(db, {
      law: 1,
      sql: `select coalesce(r.id, l.id) as id, coalesce(r.sum, 0) as outside, coalesce(l.sum, 0) as posted
            from (select payment_id::text as id, sum(amount_minor) from refunds
                  where state = 'SUCCEEDED' and source = 'PROVIDER' group by 1) r
            full join (select e.reference as id, -sum(g.amount_minor) as sum from journal_entries e
                       join postings g on g.entry_id = e.id join accounts a on a.id = g.account_id
                       where e.kind = 'outside_refund' and a.name = 'sales' group by 1) l using (id)
            where coalesce(r.sum, 0) <> coalesce(l.sum, 0)`,
      text: (row) =>
        `payment ${row.id} has refunds of ${row.outside} from outside, but the ledger has ${row.posted} of that kind`,
    })),
    ...(await breaches<{ id: string; disputed: string; sum: string }>(db, {
      law: 1,
      sql: `select p.id, p.disputed_minor as disputed, coalesce(d.sum, 0) as sum from payments p
            left join (select payment_id, sum(amount_minor) from disputes where state <> 'WON' group by 1) d
              on d.payment_id = p.id
            where p.disputed_minor <> coalesce(d.sum, 0)`,
      text: (row) => `payment ${row.id} has a disputed amount of ${row.disputed}, but disputes of ${row.sum}`,
    })),
    ...(await breaches<{ id: string; open: string; lost: string; posted_open: string; posted_lost: string }>(db, {
      law: 1,
      sql: `select coalesce(d.id, l.id) as id, coalesce(d.open, 0) as open, coalesce(d.lost, 0) as lost,
                   coalesce(l.open, 0) as posted_open, coalesce(l.lost, 0) as posted_lost
            from (select payment_id::text as id, sum(amount_minor) filter (where state = 'OPEN') as open,
                         sum(amount_minor) filter (where state = 'LOST') as lost from disputes group by 1) d
            full join (select e.reference as id,
                              -sum(g.amount_minor) filter (where a.name = 'disputes:open') as open,
                              -sum(g.amount_minor) filter (where a.name = 'disputes:lost') as lost
                       from journal_entries e join postings g on g.entry_id = e.id join accounts a on a.id = g.account_id
                       where a.name in ('disputes:open', 'disputes:lost') group by 1) l using (id)
            where (coalesce(d.open, 0), coalesce(d.lost, 0)) <> (coalesce(l.open, 0), coalesce(l.lost, 0))`,
      text: (row) =>
        `payment ${row.id} has open disputes of ${row.open} and lost ones of ${row.lost}, but the ledger has ${row.posted_open} and ${row.posted_lost}`,
    })),
    ...(await auditSettlements(db)),
  ];
  const checked = [
    `${await count(db, "select count(*) from journal_entries")} journal entries`,
    `${await count(db, "select count(*) from postings")} postings`,
    `${await count(db, "select count(*) from accounts where kind = 'CUSTOMER'")} customers' accounts`,
    `${await count(db, "select count(*) from payments")} payments`,
    `${await count(db, "select count(*) from payments where kind = 'MANUAL'")} of them manual`,
    `${await count(db, "select count(*) from refunds")} refunds`,
    `${await count(db, "select count(*) from refunds where source = 'HAND'")} of them settled by hand`,
    `${await count(db, "select count(*) from disputes")} disputes`,
  ];
  return { law: 1, checked, findings };
}
