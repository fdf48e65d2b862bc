import type pg from "pg";
import { breaches, count, type Databases, type Finding, maxReported, type Report } from "./finding.ts";

/** Checks law 5: an event exists if and only if its change was committed, and each consumer gets it. */
export async function auditEvents(databases: Databases): Promise<Report> {
  const { order, payment, shipping } = databases;
  const findings = [
    ...(await breaches<{ id: string; state: string; event_state: string | null }>(order, {
      law: 5,
      sql: `select o.id, o.state, e.data->>'state' as event_state from orders o
            left join events e on e.subject = o.id and e.sequence = o.sequence
            where e.data->>'state' is distinct from o.state`,
      text: (row) =>
        `order ${row.id} is ${row.state}, but the state in its newest event is ${row.event_state ?? "missing"}`,
    })),
    ...(await auditSequences(
      order,
      "order",
      `select id as subject, sequence::bigint from orders
       union all select 'carts/' || id, event_sequence from carts where event_sequence > 0`,
    )),
    ...(await auditSequences(
      payment,
      "payment",
      "select id::text as subject, event_sequence as sequence from payments where event_sequence > 0",
    )),
    ...(await auditSequences(
      shipping,
      "shipment",
      "select order_id as subject, event_sequence as sequence from shipments where event_sequence > 0",
    )),
    ...(await auditMessages(databases)),
  ];
  const checked: string[] = [];
  for (const [name, db] of Object.entries({ order, payment, shipping })) {
    checked.push(`${await count(db, "select count(*) from events")} events of ${name}`);
  }
  checked.push(`${await count(databases.notifier, "select count(*) from messages")} messages`);
  return { law: 5, checked, findings };
}

/** Checks that a subject's events are numbered from 1 to the number in its row, and are in the feed once and in order. */
async function auditSequences(db: pg.Client, what: string, subjects: string): Promise<Finding[]> {
  return [
    ...(await breaches<{ subject: string; expected: string; count: string }>(db, {
      law: 5,
      sql: `select subject, s.sequence as expected, coalesce(e.count, 0) as count
            from (${subjects}) s
            full join (select subject, count(*), max(sequence), min(sequence) from events group by 1) e using (subject)
            where s.sequence is distinct from e.count or e.max is distinct from e.count or e.min <> 1`,
      text: (row) => `${what} ${row.subject} has changed ${row.expected ?? 0} times, but has ${row.count} events`,
    })),
    ...(await breaches<{ subject: string; sequence: string; count: string }>(db, {
      law: 5,
      sql: `select subject, sequence, count(p.position) as count from events
            left join event_positions p using (subject, sequence)
            where time < now() - interval '5 s' group by 1, 2 having count(p.position) <> 1`,
      text: ({ subject, sequence, count }) =>
        `event ${sequence} of ${what} ${subject} is ${count === "0" ? "not in the feed" : `in the feed ${count} times`}`,
    })),
    ...(await breaches<{ subject: string; sequence: string }>(db, {
      law: 5,
      sql: `select a.subject, b.sequence from event_positions a
            join event_positions b on b.subject = a.subject and b.sequence = a.sequence + 1 where b.position < a.position`,
      text: (row) => `event ${row.sequence} of ${what} ${row.subject} comes before an earlier one in the feed`,
    })),
  ];
}

type OrderEvent = { id: string; position: string; type: string; subject: string; customer: string };

/** Checks that each event with a contact has a message, up to the notifier's position and within the retention time. */
async function auditMessages({ order, notifier }: Databases): Promise<Finding[]> {
  const { rows: cursors } = await notifier.query<{ position: string }>("select position from cursors");
  const read = cursors[0]?.position ?? "0";
  const findings: Finding[] = [];
  for (let after = "0"; findings.length < maxReported; ) {
    const { rows: events } = await order.query<OrderEvent>(
      `select id, position, type, subject, data->>'customerId' as customer from event_positions join events using (subject, sequence)
       where position > $1 and position <= $2 and data ? 'contactEmail'
         and time > now() - interval '30 days' order by position limit 5000`,
      [after, read],
    );
    const last = events.at(-1);
    if (last === undefined) {
      break;
    }
    after = last.position;
    const { rows: messages } = await notifier.query<{ event_id: string }>(
      "select distinct event_id::text as event_id from messages where event_id::text = any($1)",
      [events.map(({ id }) => id)],
    );
    const notified = new Set(messages.map(({ event_id }) => event_id));
    const unnotified = events.filter(({ id }) => !notified.has(id));
    // Nothing is sent to a customer whose account was deleted, and what was sent before is deleted.
    const { rows: erasures } = await notifier.query<{ customer: string }>(
      "select customer_id as customer from erasures where customer_id = any($1)",
      [unnotified.map(({ customer }) => customer)],
    );
    const erased = new Set(erasures.map(({ customer }) => customer));
    const missing = unnotified.filter(({ customer }) => !erased.has(customer));
    findings.push(
      ...missing.slice(0, maxReported).map(({ type, subject }) => ({
        law: 5 as const,
        what: `${type} of order ${subject} has no message, but the notifier has read past it`,
      })),
    );
  }
  return findings;
}
