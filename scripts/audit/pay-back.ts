import type pg from "pg";
import { breaches, type Databases, type Finding, maxReported } from "./finding.ts";

/** Checks that what operators settled by hand is in the ledger, and nothing else, and that each settlement names one. */
export async function auditSettlements(payment: pg.Client): Promise<Finding[]> {
  return [
    ...(await breaches<{ id: string; settled: string; posted: string }>(payment, {
      law: 1,
      sql: `select coalesce(r.id, l.id) as id, coalesce(r.sum, 0) as settled, coalesce(l.sum, 0) as posted
            from (select payment_id::text as id, sum(amount_minor) from refunds
                  where source = 'HAND' and state = 'SUCCEEDED' group by 1) r
            full join (select e.reference as id, sum(g.amount_minor) from journal_entries e
                       join postings g on g.entry_id = e.id and g.amount_minor > 0
                       where e.kind = 'settled_by_hand' group by 1) l using (id)
            where coalesce(r.sum, 0) <> coalesce(l.sum, 0)`,
      text: (row) =>
        `payment ${row.id} has ${row.settled} settled by hand, but entries of the kind settled_by_hand of ${row.posted}`,
    })),
    ...(await breaches<{ id: string }>(payment, {
      law: 1,
      sql: "select id from refunds where source = 'HAND' and (actor_kind is null or reason = '')",
      text: ({ id }) => `refund ${id} was settled by hand, but it does not say by whom and why`,
    })),
  ];
}

/**
 * Checks that whatever a provider refuses for good is with an operator: an open incident for money that is not paid back,
 * whose stock is released, and an incident for a shipment that the carrier does not give back.
 */
export async function auditRefusals({ order, stock, payment, shipping }: Databases): Promise<Finding[]> {
  // The incidents last: one that is raised in the meantime is no breach.
  const { rows: refused } = await payment.query<{ order_id: string; left: string }>(
    `select p.order_id, sum(r.amount_minor) || ' ' || p.currency as left from refunds r
     join payments p on p.id = r.payment_id
     where r.state = 'REFUSED' and p.order_id is not null group by p.order_id, p.currency`,
  );
  const { rows: recalls } = await shipping.query<{ order_id: string }>(
    "select order_id from shipments where recall_refusal <> ''",
  );
  const refusedIds = refused.map(({ order_id }) => order_id);
  const { rows: held } = await stock.query<{ id: string; state: string }>(
    "select id, state from reservations where id = any($1) and state in ('HELD', 'PINNED')",
    [refusedIds],
  );
  const { rows: incidents } = await order.query<{ order_id: string; step: string; state: string }>(
    "select order_id, step, state from incidents where order_id = any($1) and step in ('pay_back', 'recall')",
    [[...refusedIds, ...recalls.map(({ order_id }) => order_id)]],
  );
  const open = new Set(incidents.filter(({ state }) => state === "OPEN").map(keyOf));
  const raised = new Set(incidents.map(keyOf));
  const found = [
    ...refused
      .filter(({ order_id }) => !open.has(`${order_id} pay_back`))
      .map(
        (row) =>
          `order ${row.order_id} is not paid back ${row.left}, which the card provider refuses, and no incident is open`,
      ),
    ...held.map(({ id, state }) => `order ${id} cannot be paid back, and its reservation is still ${state}`),
    ...recalls
      .filter(({ order_id }) => !raised.has(`${order_id} recall`))
      .map(
        (row) => `order ${row.order_id} has a shipment that the carrier does not give back, and never had an incident`,
      ),
  ];
  return found.slice(0, maxReported).map((what) => ({ law: 3, what }));
}

function keyOf({ order_id, step }: { order_id: string; step: string }): string {
  return `${order_id} ${step}`;
}
