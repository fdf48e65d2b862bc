import type { ActorRow } from "@sagacart/chassis/auth/actor";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { cancelReasonOf, type EndsAs, type State } from "../orders/order.ts";
import type { Change, MovableOrder, Shortage, Summary } from "./move.ts";

type Row = {
  id: string;
  state: State;
  ends_as: EndsAs | null;
  sequence: number;
  cancel_requested: boolean;
  cancel_actor_kind: ActorRow["actor_kind"];
  cancel_detail: string;
  customer_id: string;
  currency: string;
  total_minor: bigint;
  contact_email: string;
  outcome_reason: string;
  create_time: Date;
};

/** Locks those of the orders that this workflow owns, in the order of their ids. */
export async function lockOwnOrders(
  tx: Transaction,
  workflowId: string,
  ids: readonly string[],
): Promise<Map<string, MovableOrder>> {
  const { rows } = await tx.query<Row>({
    name: "lock-orders-to-move",
    text: `select id, state, ends_as, sequence, cancel_request_time is not null as cancel_requested,
                  cancel_actor_kind, cancel_detail, customer_id, currency, total_minor, contact_email, outcome_reason, create_time
           from orders where id = any($1) and owner_workflow_id = $2 order by id for update`,
    values: [ids, workflowId],
  });
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        state: row.state,
        endsAs: row.ends_as ?? undefined,
        sequence: row.sequence,
        cancelRequested: row.cancel_requested,
        cancelReason: cancelReasonOf(row.cancel_actor_kind),
        cancelDetail: row.cancel_detail,
        customerId: row.customer_id,
        currency: row.currency,
        totalMinor: row.total_minor,
        contactEmail: row.contact_email,
        outcomeReason: row.outcome_reason,
        createTime: row.create_time,
      },
    ]),
  );
}

const moves = unnest<Change>("m", {
  id: ["text", ({ order }) => order.id],
  state: ["text", ({ last }) => last.state],
  ends_as: ["text", ({ last }) => last.endsAs],
  sequence: ["int", ({ order, transitions }) => order.sequence + transitions.length],
  outcome_reason: ["text", ({ last }) => last.outcomeReason],
  outcome_detail: ["text", ({ last }) => last.outcomeDetail],
  shortages: ["jsonb", ({ move }) => (move.shortages.length === 0 ? null : JSON.stringify(move.shortages))],
  tracking_number: ["text", ({ move }) => move.trackingNumber],
});

/** Writes changes of orders that the caller has locked. */
export async function saveChanges(tx: Transaction, changes: readonly Change[]): Promise<void> {
  await tx.query({
    name: "move-orders",
    text: `update orders o
           set state = m.state, ends_as = m.ends_as, sequence = m.sequence,
               outcome_reason = coalesce(nullif(m.outcome_reason, ''), o.outcome_reason),
               outcome_detail = coalesce(nullif(m.outcome_detail, ''), o.outcome_detail),
               decline_reason = case when m.outcome_reason = 'PAYMENT_DECLINED' then m.outcome_detail
                                     when m.state in ('PAID', 'SHIPPING') then '' else o.decline_reason end,
               shortages = coalesce(m.shortages, o.shortages),
               tracking_number = coalesce(nullif(m.tracking_number, ''), o.tracking_number),
               payment_pending = o.payment_pending and m.state in ('RESERVED', 'AWAITING_PAYMENT'),
               update_time = now()
           from ${moves.table} where o.id = m.id`,
    values: moves.values(changes),
  });
}

type SummaryRow = {
  id: string;
  reason: string;
  detail: string;
  lines: unknown;
  shortages: readonly Shortage[] | null;
  expire_time: Date | null;
};

/** Loads what the events of these orders tell customers. */
export async function loadSummaries(tx: Transaction, ids: readonly string[]): Promise<Map<string, Summary>> {
  const { rows } = await tx.query<SummaryRow>({
    name: "load-order-summaries",
    text: `select o.id, o.outcome_reason as reason, o.outcome_detail as detail, o.shortages, o.expire_time,
                  jsonb_agg(jsonb_build_object('productId', l.product_id, 'title', l.title, 'quantity', l.quantity,
                    'unitPrice', jsonb_build_object('currencyCode', o.currency,
                                                    'minorUnits', l.unit_price_minor::text)) order by l.line_number) as lines
           from orders o join order_lines l on l.order_id = o.id where o.id = any($1) group by o.id`,
    values: [ids],
  });
  return new Map(rows.map(({ id, expire_time: expireTime, ...rest }) => [id, { ...rest, expireTime }]));
}

/** Closes the cart of a completed order. Reopens the cart of an order that ended otherwise, with the reason. */
export async function releaseCarts(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await tx.query({
    name: "release-carts",
    text: `update carts c
           set state = case when o.state = 'COMPLETED' then 'PURCHASED' else 'OPEN' end,
               is_default = c.is_default and o.state <> 'COMPLETED',
               last_failure_reason = case when o.state = 'COMPLETED' then '' else o.outcome_reason end,
               version = c.version + 1, update_time = now()
           from (select id, cart_id, state, outcome_reason from orders where id = any($1) and cart_id is not null) as o
           where c.id = o.cart_id and c.order_id = o.id and c.state = 'CHECKING_OUT'`,
    values: [orderIds],
  });
}

/** A declined attempt to pay. */
export type Decline = {
  readonly workflowId: string;
  readonly orderId: string;
  readonly attempt: number;
  readonly declineReason: string;
};

/** Ends the attempt under way; undefined if it is another one or this workflow does not own the order. */
export async function saveDecline(
  tx: Transaction,
  { orderId, workflowId, attempt, declineReason }: Decline,
): Promise<{ sequence: number; customerId: string; currency: string; totalMinor: bigint } | undefined> {
  const { rows } = await tx.query<{ sequence: number; customer_id: string; currency: string; total_minor: bigint }>(
    `update orders set payment_pending = false, decline_reason = $4, sequence = sequence + 1, update_time = now()
     where id = $1 and owner_workflow_id = $2 and state = 'AWAITING_PAYMENT' and payment_attempt = $3
       and payment_pending
     returning sequence, customer_id, currency, total_minor`,
    [orderId, workflowId, attempt, declineReason],
  );
  const [row] = rows;
  return (
    row && {
      sequence: row.sequence,
      customerId: row.customer_id,
      currency: row.currency,
      totalMinor: row.total_minor,
    }
  );
}
