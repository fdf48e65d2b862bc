import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { finishCommands } from "@sagacart/outbox/commands/command-store";
import { recordCommands } from "@sagacart/outbox/commands/record";
import { appendEvents, type NewEvent } from "@sagacart/outbox/events/append";
import { type EndsAs, eventType, isFinal, type Move, planMove, type State } from "./order.ts";

/** The kinds of command that carry an order: they stay until it is final. */
export const carrierKinds = ["CHECKOUT", "RESUME"] as const;

/** The workflow of an order that has one of its own. */
export function ownWorkflowId(orderId: string): string {
  return `order-${orderId}`;
}

/**
 * Sets the carrier of orders that have none and are not final. Compare-and-set: of two workflows that try, one
 * gets an order.
 */
export async function takeOrders(tx: Transaction, workflowId: string, orderIds: readonly string[]): Promise<void> {
  await tx.query({
    name: "take-orders",
    text: `update orders set owner_workflow_id = $1
           where id in (select id from orders where id = any($2) and owner_workflow_id is null order by id for update)
             and owner_workflow_id is null`,
    values: [workflowId, orderIds],
  });
}

/** One order's move, as asked for. */
export type MoveItem = Move & {
  readonly orderId: string;
  readonly shortages: readonly { productId: string; requested: number; available: number }[];
  readonly trackingNumber: string;
};

/** Where an order stands after a move, and how it came there. */
export type Moved = {
  readonly state: State;
  readonly endsAs: EndsAs | undefined;
  /** The states that the move led through, the last one included; none where it changed nothing. */
  readonly passed: readonly State[];
  readonly reason: string;
  readonly createTime: Date;
};

type Row = {
  id: string;
  state: State;
  ends_as: EndsAs | null;
  sequence: number;
  cancel_requested: boolean;
  cancel_detail: string;
  customer_id: string;
  currency: string;
  total_minor: bigint;
  contact_email: string;
  outcome_reason: string;
  create_time: Date;
};

type Change = Row & { passed: readonly State[]; item: MoveItem; outcomeReason: string; outcomeDetail: string };

/**
 * Moves the orders that this workflow carries: a handful of statements, whatever their number. Orders that another
 * one carries are not in the answer. What becomes final lets go of its cart and of its commands.
 */
export async function moveOrders(
  tx: Transaction,
  workflowId: string,
  items: readonly MoveItem[],
): Promise<Map<string, Moved>> {
  const { rows } = await tx.query<Row>({
    name: "lock-orders-to-move",
    text: `select id, state, ends_as, sequence, cancel_request_time is not null as cancel_requested, cancel_detail,
                  customer_id, currency, total_minor, contact_email, outcome_reason, create_time
           from orders where id = any($1) and owner_workflow_id = $2 order by id for update`,
    values: [items.map(({ orderId }) => orderId), workflowId],
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const moved = new Map<string, Moved>();
  const changes: Change[] = [];
  const events: Draft[] = [];
  for (const item of items) {
    const row = byId.get(item.orderId);
    if (row === undefined) {
      continue;
    }
    const change = applyMove(row, item, events);
    if (change !== undefined) {
      changes.push(change);
    }
    const now = change ?? row;
    moved.set(row.id, {
      state: now.state,
      endsAs: now.ends_as ?? undefined,
      passed: change?.passed ?? [],
      reason: change?.outcomeReason || row.outcome_reason,
      createTime: row.create_time,
    });
  }
  if (changes.length > 0) {
    await writeChanges(tx, changes);
    await appendEvents(tx, await withSummaries(tx, events));
    const ended = changes.filter(({ state }) => isFinal(state)).map(({ id }) => id);
    if (ended.length > 0) {
      await finishCommands(tx, ended, carrierKinds);
      await closeCarts(tx, ended);
    }
  }
  return moved;
}

type Draft = { row: Row; sequence: number; state: State; reason: string; detail: string; item: MoveItem };

/** The row as the move leaves it, and the events of the way there; undefined where nothing changes. */
function applyMove(row: Row, item: MoveItem, events: Draft[]): Change | undefined {
  const standing = {
    state: row.state,
    endsAs: row.ends_as ?? undefined,
    cancelRequested: row.cancel_requested,
    cancelDetail: row.cancel_detail,
  };
  const steps = planMove(standing, item);
  const last = steps.at(-1);
  if (last === undefined) {
    return undefined;
  }
  for (const [index, step] of steps.entries()) {
    events.push({
      row,
      sequence: row.sequence + index + 1,
      state: step.state,
      reason: step.outcomeReason,
      detail: step.outcomeDetail,
      item,
    });
  }
  return {
    ...row,
    state: last.state,
    ends_as: last.endsAs ?? null,
    sequence: row.sequence + steps.length,
    passed: steps.map(({ state }) => state),
    item,
    outcomeReason: last.outcomeReason,
    outcomeDetail: last.outcomeDetail,
  };
}

async function writeChanges(tx: Transaction, changes: readonly Change[]): Promise<void> {
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
           from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::jsonb[], $8::text[])
             as m (id, state, ends_as, sequence, outcome_reason, outcome_detail, shortages, tracking_number)
           where o.id = m.id`,
    values: [
      changes.map(({ id }) => id),
      changes.map(({ state }) => state),
      changes.map((change) => change.ends_as),
      changes.map(({ sequence }) => sequence),
      changes.map(({ outcomeReason }) => outcomeReason),
      changes.map(({ outcomeDetail }) => outcomeDetail),
      changes.map(({ item }) => (item.shortages.length === 0 ? null : JSON.stringify(item.shortages))),
      changes.map(({ item }) => item.trackingNumber),
    ],
  });
}

/** Events that customers are told of carry what there is to tell. */
const told: ReadonlySet<State> = new Set(["COMPLETED", "REJECTED", "CANCELLED", "EXPIRED", "AWAITING_PAYMENT"]);

type Summary = {
  reason: string;
  detail: string;
  lines: unknown;
  shortages: readonly { productId: string; requested: number; available: number }[] | null;
  expire_time: Date | null;
};

async function withSummaries(tx: Transaction, drafts: readonly Draft[]): Promise<NewEvent[]> {
  const ids = drafts.filter(({ state }) => told.has(state)).map(({ row }) => row.id);
  const summaries = ids.length === 0 ? new Map<string, Summary>() : await loadSummaries(tx, ids);
  return drafts.map(({ row, sequence, state, reason, detail, item }) => {
    const summary = told.has(state) ? summaries.get(row.id) : undefined;
    return {
      subject: row.id,
      sequence,
      type: eventType(state),
      data: {
        orderId: row.id,
        customerId: row.customer_id,
        state,
        total: { currencyCode: row.currency, minorUnits: row.total_minor.toString() },
        ...optional("reason", reason || summary?.reason),
        ...optional("detail", detail || summary?.detail),
        ...(summary === undefined
          ? {}
          : {
              lines: summary.lines,
              ...(state === "REJECTED" ? shortages(summary) : {}),
              ...(state === "AWAITING_PAYMENT" ? optional("expireTime", summary.expire_time?.toISOString()) : {}),
              ...optional("contactEmail", row.contact_email),
              ...optional("trackingNumber", item.trackingNumber),
            }),
      },
    };
  });
}

async function loadSummaries(tx: Transaction, ids: readonly string[]): Promise<Map<string, Summary>> {
  const { rows } = await tx.query<Summary & { id: string }>({
    name: "load-order-summaries",
    text: `select o.id, o.outcome_reason as reason, o.outcome_detail as detail, o.shortages, o.expire_time,
                  jsonb_agg(jsonb_build_object('productId', l.product_id, 'title', l.title, 'quantity', l.quantity,
                    'unitPrice', jsonb_build_object('currencyCode', o.currency,
                                                    'minorUnits', l.unit_price_minor::text)) order by l.line_number) as lines
           from orders o join order_lines l on l.order_id = o.id where o.id = any($1) group by o.id`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, row]));
}

function shortages({ shortages }: Summary): { shortages?: unknown } {
  return shortages === null
    ? {}
    : { shortages: shortages.map(({ productId, requested, available }) => ({ productId, requested, available })) };
}

function optional(name: string, value: string | undefined): { [key: string]: string } {
  return value === undefined || value === "" ? {} : { [name]: value };
}

/** A completed order closes its cart; one that ended otherwise opens it again, with the reason. */
async function closeCarts(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await tx.query({
    name: "close-carts",
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

/** Gives orders to workflows of their own, and records what starts those. Says which were given. */
export async function handOver(tx: Transaction, workflowId: string, orderIds: readonly string[]): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>({
    name: "hand-over-orders",
    text: `update orders set owner_workflow_id = 'order-' || id
           where id in (select id from orders where id = any($2) and owner_workflow_id = $1 order by id for update)
           returning id`,
    values: [workflowId, orderIds],
  });
  const ids = rows.map(({ id }) => id);
  await finishCommands(tx, ids, carrierKinds);
  await recordCommands(
    tx,
    ids.map((subject) => ({ kind: "RESUME", subject })),
  );
  return ids;
}
