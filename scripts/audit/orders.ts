import type pg from "pg";
import { breaches, count, type Databases, type Finding, maxReported, type Report } from "./finding.ts";
import { auditRefusals } from "./pay-back.ts";

export type OrderAuditOptions = {
  /** An order is stalled if it has not changed for this long, and awaits neither payment nor a settlement by hand. */
  stalledAfterMs: number;
};

type OrderRow = { id: string; state: string; total: string; overdue: boolean; lines: string };
type ReservationRow = { id: string; state: string; lines: string | null };
type PaymentRow = { order_id: string; state: string; amount: string | null };
type ShipmentRow = { order_id: string; state: string };

/** The rows of all services about one order. */
type OrderRecords = {
  order?: OrderRow;
  reservation?: ReservationRow;
  payments: PaymentRow[];
  shipment?: ShipmentRow;
};

/** Checks law 3: every order ends, and the services agree on the outcome. Compares orders in pages, by id. */
export async function auditOrders(databases: Databases, options: OrderAuditOptions): Promise<Report> {
  const findings: Finding[] = [];
  let open = 0;
  let compared = 0;
  for (let after = ""; ; ) {
    const until = await pageEnd(databases.order, after);
    const records = await readRecords(databases, { after, until, ...options });
    for (const [orderId, found] of records) {
      compared++;
      open += found.order !== undefined && !endings.has(found.order.state) ? 1 : 0;
      if (findings.length < maxReported) {
        findings.push(...disagreements(orderId, found).map((what) => ({ law: 3, what }) as const));
      }
    }
    if (until === undefined) {
      break;
    }
    after = until;
  }
  findings.push(
    ...(await auditRefunds(databases)),
    ...(await auditDisputes(databases)),
    ...(await auditRefusals(databases)),
  );
  const incidents = await count(databases.order, "select count(*) from incidents where state = 'OPEN'");
  const shipments = await count(databases.shipping, "select count(*) from shipments");
  const checked = [
    `${compared} orders with their reservations, payments and ${shipments} shipments`,
    `${open} of them in progress`,
    `${incidents} open incidents`,
  ];
  return { law: 3, checked, findings };
}

const endings: ReadonlySet<string> = new Set(["COMPLETED", "REJECTED", "CANCELLED", "EXPIRED"]);
const pageSize = 10_000;

/** Returns the last id of the page after an id; undefined for the last page, which has no upper limit. */
async function pageEnd(db: pg.Client, after: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    `select id from orders where id collate "C" > $1 order by id collate "C" offset $2 limit 1`,
    [after, pageSize - 1],
  );
  return rows[0]?.id;
}

async function readRecords(
  { order, stock, payment, shipping }: Databases,
  page: { after: string; until: string | undefined; stalledAfterMs: number },
): Promise<Map<string, OrderRecords>> {
  const records = new Map<string, OrderRecords>();
  const recordsOf = (id: string) => {
    const found = records.get(id) ?? { payments: [] };
    records.set(id, found);
    return found;
  };
  const inPage = (column: string) =>
    `${column} collate "C" > $1 and ($2::text is null or ${column} collate "C" <= $2::text)`;
  const range = [page.after, page.until ?? null];
  // Read orders last, so that rows about a new order are never without the order.
  const reservations = await stock.query<ReservationRow>(
    `select r.id, r.state, string_agg(n.product_id || ' x ' || n.quantity, ', ' order by n.product_id collate "C") as lines
     from reservations r left join reservation_lines n on n.reservation_id = r.id
     where r.kind = 'ORDER' and ${inPage("r.id")} group by r.id`,
    range,
  );
  const payments = await payment.query<PaymentRow>(
    `select order_id, state, amount_minor || ' ' || currency as amount from payments
     where kind = 'ORDER' and ${inPage("order_id")}`,
    range,
  );
  const shipments = await shipping.query<ShipmentRow>(
    `select order_id, state from shipments where ${inPage("order_id")}`,
    range,
  );
  const orders = await order.query<OrderRow>(
    `select o.id, o.state, o.total_minor || ' ' || o.currency as total,
            greatest(o.update_time, case when o.state = 'AWAITING_PAYMENT' then o.expire_time end)
              < now() - $3 * interval '1 ms'
            -- It is with an operator, who may take long.
            and not exists (select from incidents i
                            where i.order_id = o.id and i.step = 'pay_back' and i.state = 'OPEN') as overdue,
            (select string_agg(l.product_id || ' x ' || l.quantity, ', ' order by l.product_id collate "C")
             from order_lines l where l.order_id = o.id) as lines
     from orders o where ${inPage("o.id")}`,
    [...range, page.stalledAfterMs],
  );
  for (const row of reservations.rows) {
    recordsOf(row.id).reservation = row;
  }
  for (const row of payments.rows) {
    recordsOf(row.order_id).payments.push(row);
  }
  for (const row of shipments.rows) {
    recordsOf(row.order_id).shipment = row;
  }
  for (const row of orders.rows) {
    recordsOf(row.id).order = row;
  }
  return records;
}

/** Returns a sentence for each disagreement of the services about one order. */
function disagreements(orderId: string, { order, reservation, payments, shipment }: OrderRecords): string[] {
  const captured = payments.filter(({ state }) => state === "CAPTURED");
  const pending = payments.filter(({ state }) => state === "PENDING");
  const held = reservation?.state === "HELD" || reservation?.state === "PINNED";
  const subject = `order ${orderId} ${order === undefined ? "does not exist" : `is ${order.state}`}`;
  const found: string[] = [];
  if (order?.state === "COMPLETED") {
    if (captured.length !== 1 || captured[0]?.amount !== order.total) {
      found.push(`${subject} but has ${captured.length} captured payments of ${captured[0]?.amount ?? "nothing"}`);
    }
    if (reservation?.state !== "COMMITTED" || reservation.lines !== order.lines) {
      found.push(
        `${subject} with ${order.lines}, but its reservation is ${reservation?.state} with ${reservation?.lines}`,
      );
    }
    if (shipment?.state !== "ACCEPTED") {
      found.push(`${subject}, but its shipment is ${shipment?.state ?? "missing"}`);
    }
  } else if (order === undefined || endings.has(order.state)) {
    if (captured.length > 0 || pending.length > 0) {
      found.push(`${subject}, but one of its payments is ${captured[0]?.state ?? "PENDING"}`);
    }
    if (held || reservation?.state === "COMMITTED") {
      found.push(`${subject}, but its reservation is ${reservation?.state}`);
    }
    if (shipment?.state === "ACCEPTED" || shipment?.state === "PENDING") {
      found.push(`${subject}, but its shipment is ${shipment.state}`);
    }
  } else if (order.overdue) {
    found.push(`${subject} and has not changed for too long`);
  }
  if (captured.length + pending.length > 1) {
    found.push(`${subject}, and ${captured.length + pending.length} of its payments are captured or pending`);
  }
  return found;
}

/** Checks that the order service and the payment service have the same refunds. */
async function auditRefunds({ order, payment }: Databases): Promise<Finding[]> {
  const sums = await breaches<{ id: string; refunded: string; sum: string }>(order, {
    law: 3,
    sql: `select o.id, o.refunded_minor as refunded, coalesce(r.sum, 0) as sum from orders o
          left join (select order_id, sum(amount_minor) from order_refunds where state = 'SUCCEEDED' group by 1) r
            on r.order_id = o.id
          where o.refunded_minor <> coalesce(r.sum, 0)`,
    text: (row) => `order ${row.id} has a refunded amount of ${row.refunded}, but its refunds sum to ${row.sum}`,
  });
  const { rows } = await order.query<{ id: string; order_id: string; amount_minor: string; state: string }>(
    "select payment_refund_id as id, order_id, amount_minor, state from order_refunds where state <> 'PENDING'",
  );
  const paid = await payment.query<{ id: string; amount_minor: string }>(
    "select id, amount_minor from refunds where state = 'SUCCEEDED' and id = any($1)",
    [rows.map(({ id }) => id)],
  );
  const amounts = new Map(paid.rows.map(({ id, amount_minor }) => [id, amount_minor]));
  // What undid a payment, at the provider or by hand, is not counted with the order.
  const totals = await payment.query<{ id: string; sum: string }>(
    `select p.order_id as id, sum(r.amount_minor) from refunds r join payments p on p.id = r.payment_id
     where r.state = 'SUCCEEDED' and p.order_id is not null and r.id not like 'void-%' and r.source <> 'HAND' group by 1`,
  );
  const orders = await order.query<{ id: string; refunded: string }>(
    "select id, refunded_minor as refunded from orders where refunded_minor <> 0 or id = any($1)",
    [totals.rows.map(({ id }) => id)],
  );
  const totalOf = new Map(totals.rows.map(({ id, sum }) => [id, sum]));
  const unequal = orders.rows.filter(({ id, refunded }) => (totalOf.get(id) ?? "0") !== refunded);
  const differing = rows.filter(
    ({ id, state, amount_minor }) => amounts.get(id) !== (state === "SUCCEEDED" ? amount_minor : undefined),
  );
  return [
    ...sums,
    ...unequal.slice(0, maxReported).map(({ id, refunded }) => ({
      law: 3 as const,
      what: `order ${id} has a refunded amount of ${refunded}, but the payment service refunded ${totalOf.get(id) ?? "0"}`,
    })),
    ...differing.slice(0, maxReported).map(({ id, order_id, state }) => ({
      law: 3 as const,
      what: `refund ${id} of order ${order_id} is ${state}, but the payment service refunded ${amounts.get(id) ?? "nothing"}`,
    })),
  ];
}

/** Checks that the order service and the payment service have the same disputes. */
async function auditDisputes({ order, payment }: Databases): Promise<Finding[]> {
  type Row = { order_id: string; id: string; amount: string; state: string };
  // Orders last, so that a dispute of theirs is never without that of the payment.
  const paid = await payment.query<Row>(
    `select p.order_id, d.id, d.amount_minor::text as amount, d.state from disputes d
     join payments p on p.id = d.payment_id where p.order_id is not null`,
  );
  const shown = await order.query<Row>(
    `select o.id as order_id, d->>'id' as id, d->>'amountMinor' as amount, d->>'state' as state
     from orders o cross join jsonb_array_elements(o.disputes) d where o.disputes is not null`,
  );
  const keyOf = ({ order_id, id }: Row) => `dispute ${id} of order ${order_id}`;
  const inOrder = new Map(shown.rows.map((row) => [keyOf(row), `${row.state} of ${row.amount}`]));
  const inPayment = new Map(paid.rows.map((row) => [keyOf(row), `${row.state} of ${row.amount}`]));
  const keys = [...new Set([...inOrder.keys(), ...inPayment.keys()])];
  return keys
    .filter((key) => inOrder.get(key) !== inPayment.get(key))
    .slice(0, maxReported)
    .map((key) => ({
      law: 3 as const,
      what: `${key} is ${inOrder.get(key) ?? "unknown"} in the order service, and ${inPayment.get(key) ?? "unknown"} in the payment service`,
    }));
}
