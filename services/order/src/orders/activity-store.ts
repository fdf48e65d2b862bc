import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import type { GetOrderActivityResponseSchema } from "@sagacart/proto/order/v1/activity_service";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { type State, stateToProto } from "./order.ts";

/** Loads what happens in the shop now. Each statement reads what is under way, or a bounded number of the newest orders. */
export async function loadActivity(db: Queryable): Promise<MessageInitShape<typeof GetOrderActivityResponseSchema>> {
  const [underWay, waiting, seconds, refused] = await Promise.all([
    loadUnderWay(db),
    loadWaiting(db),
    loadSeconds(db),
    loadRefused(db),
  ]);
  return { ...underWay, ...waiting, seconds, refused };
}

const openStates = [
  Order_State.PENDING,
  Order_State.RESERVED,
  Order_State.AWAITING_PAYMENT,
  Order_State.PAID,
  Order_State.SHIPPING,
  Order_State.CANCELLING,
];

async function loadUnderWay(db: Queryable) {
  // An order has such a command until it is final.
  const { rows } = await db.query<{
    state: State;
    currency: string;
    count: number;
    oldest: Date;
    total: bigint;
    stalled: number;
  }>({
    name: "orders-under-way",
    text: `select state, currency, count(*)::integer as count, min(update_time) as oldest, sum(total_minor)::bigint as total,
             (count(*) filter (where update_time < now() - interval '5 minutes'
               and (state not in ('AWAITING_PAYMENT', 'SHIPPING')
                 or (state = 'AWAITING_PAYMENT' and expire_time < now() - interval '5 minutes'))))::integer as stalled
           from orders
           where id in (select subject from commands where kind in ('CHECKOUT', 'RESUME'))
             and state not in ('COMPLETED', 'REJECTED', 'CANCELLED', 'EXPIRED')
           group by 1, 2 order by 1, 2`,
  });
  const held = new Map<string, bigint>();
  for (const { state, currency, total } of rows) {
    if (state === "PAID" || state === "SHIPPING" || state === "CANCELLING") {
      held.set(currency, (held.get(currency) ?? 0n) + total);
    }
  }
  const underWay = openStates.map((state) => {
    const ofState = rows.filter((row) => stateToProto(row.state) === state);
    const oldest = ofState.map((row) => row.oldest).toSorted((a, b) => a.getTime() - b.getTime())[0];
    return {
      state,
      count: BigInt(ofState.reduce((sum, { count }) => sum + count, 0)),
      ...(oldest === undefined ? {} : { oldestUpdateTime: timestampFromDate(oldest) }),
    };
  });
  return {
    underWay,
    held: [...held].map(([currencyCode, minorUnits]) => ({ currencyCode, minorUnits })),
    stalled: BigInt(rows.reduce((sum, { stalled }) => sum + stalled, 0)),
  };
}

async function loadWaiting(db: Queryable) {
  const { rows } = await db.query<{
    time: Date;
    incidents: bigint;
    commands: bigint;
    command_ms: number | null;
    events: bigint;
    event_ms: number | null;
  }>({
    name: "what-waits",
    text: `select now() as time,
             (select count(*) from incidents where state = 'OPEN') as incidents,
             (select count(*) from commands where state = 'OPEN') as commands,
             (select extract(epoch from now() - min(update_time)) * 1000 from commands where state = 'OPEN')::float8
               as command_ms,
             (select coalesce(sum(cardinality(subjects)), 0)
              from (select subjects from event_appends limit 100000) as appended)::bigint as events,
             (select extract(epoch from now() - e.time) * 1000
              from (select subjects, sequences from event_appends order by number limit 1) as first
              join events e on e.subject = first.subjects[1] and e.sequence = first.sequences[1])::float8 as event_ms`,
  });
  const [row] = rows;
  if (row === undefined) {
    throw new Error("a query of aggregates answered no row");
  }
  return {
    time: timestampFromDate(row.time),
    openIncidents: row.incidents,
    waitingCommands: row.commands,
    ...(row.command_ms === null ? {} : { oldestCommand: spanOf(row.command_ms) }),
    unsequencedEvents: row.events,
    ...(row.event_ms === null ? {} : { oldestEvent: spanOf(row.event_ms) }),
  };
}

/** The newest orders of the last minute; `whole` is false for the seconds of which not all orders are there. */
const newest = `
  newest as (
    select date_trunc('second', create_time) as second, state, outcome_reason, owner_workflow_id,
      extract(epoch from update_time - create_time) * 1000 as took_ms
    from orders
    where create_time >= date_trunc('second', now()) - interval '60 s' and create_time < date_trunc('second', now())
    order by create_time desc limit 20000),
  whole as (
    select * from newest where (select count(*) from newest) < 20000 or second > (select min(second) from newest))`;

async function loadSeconds(db: Queryable) {
  const { rows } = await db.query<{
    second: Date;
    created: number;
    completed: number;
    refused: number;
    median: number | null;
    percentile_99: number | null;
    batches: number;
    median_batch_orders: number;
    largest_batch_orders: number;
  }>({
    name: "orders-by-second",
    text: `with ${newest},
           batches as (
             select min(second) as second, count(*)::integer as size from whole
             where owner_workflow_id like 'checkout-%' group by owner_workflow_id),
           batch_sizes as (
             select second, count(*)::integer as batches, max(size) as largest,
               percentile_disc(0.5) within group (order by size) as median
             from batches group by 1)
           select second, count(*)::integer as created,
             (count(*) filter (where state = 'COMPLETED'))::integer as completed,
             (count(*) filter (where state in ('REJECTED', 'CANCELLED', 'EXPIRED')))::integer as refused,
             percentile_disc(0.5) within group (order by took_ms) filter (where state = 'COMPLETED')::float8 as median,
             percentile_disc(0.99) within group (order by took_ms) filter (where state = 'COMPLETED')::float8
               as percentile_99,
             coalesce(min(b.batches), 0) as batches, coalesce(min(b.median), 0) as median_batch_orders,
             coalesce(min(b.largest), 0) as largest_batch_orders
           from whole left join batch_sizes b using (second) group by 1 order by 1`,
  });
  return rows.map(({ second, median, percentile_99, median_batch_orders, largest_batch_orders, ...counts }) => ({
    time: timestampFromDate(second),
    ...counts,
    medianBatchOrders: median_batch_orders,
    largestBatchOrders: largest_batch_orders,
    ...(median === null ? {} : { median: spanOf(median) }),
    ...(percentile_99 === null ? {} : { percentile99: spanOf(percentile_99) }),
  }));
}

async function loadRefused(db: Queryable) {
  const { rows } = await db.query<{ reason: string; count: number }>({
    name: "refused-orders",
    text: `with ${newest}
           select outcome_reason as reason, count(*)::integer as count
           from whole where state in ('REJECTED', 'CANCELLED', 'EXPIRED') group by 1 order by 2 desc, 1 limit 50`,
  });
  return rows;
}

/** Returns a duration of whole milliseconds: durationFromMs makes fractions of nanoseconds of others, which cannot be sent. */
function spanOf(ms: number): Duration {
  return durationFromMs(Math.max(0, Math.round(ms)));
}
