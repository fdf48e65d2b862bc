import type { Question } from "@sagacart/chassis/postgres/survey";
import { commandQuestions, eventQuestions } from "@sagacart/outbox/survey";

/** The states in which orders are under way. */
const open = `'PENDING', 'RESERVED', 'AWAITING_PAYMENT', 'PAID', 'SHIPPING', 'CANCELLING'`;

/**
 * Orders that are under way, found by the command that each has until it is final. Final orders are counted when they
 * end, since they are too many to be counted here.
 */
const underWay = `(
  select distinct o.id, o.state, o.currency, o.total_minor, o.update_time, o.expire_time
  from commands c join orders o on o.id = c.subject where c.kind in ('CHECKOUT', 'RESUME')) as o`;

/** The gauges that are read from the database of orders. */
export const questions: readonly Question[] = [
  ...commandQuestions(["CHECKOUT", "RESUME", "PAY", "CANCEL", "REFUND", "RETRY"]),
  ...eventQuestions,
  {
    gauges: {
      sagacart_orders: "Orders that are under way.",
      sagacart_orders_unchanged_oldest_seconds:
        "Time since the last change of the order that has not changed for longest.",
    },
    labels: ["state"],
    sql: `select known.state, count(o.id) as sagacart_orders,
            coalesce(extract(epoch from now() - min(o.update_time)), 0)::float8
              as sagacart_orders_unchanged_oldest_seconds
          from unnest(array[${open}]) as known (state) left join ${underWay} using (state) group by 1`,
  },
  {
    gauges: {
      sagacart_orders_stalled:
        "Orders that have not changed for five minutes, except those that wait for their customer or a shipment.",
    },
    labels: [],
    sql: `select count(*) as sagacart_orders_stalled from ${underWay}
          where o.update_time < now() - interval '5 minutes' and (o.state not in ('AWAITING_PAYMENT', 'SHIPPING')
            or (o.state = 'AWAITING_PAYMENT' and o.expire_time < now() - interval '5 minutes'))`,
  },
  {
    gauges: {
      sagacart_money_held_minor_units:
        "Total of the orders that are PAID or SHIPPING, or CANCELLING, which may have been paid.",
    },
    labels: ["state", "currency"],
    sql: `select state, currency, sum(total_minor)::float8 as sagacart_money_held_minor_units
          from ${underWay} where state in ('PAID', 'SHIPPING', 'CANCELLING') group by 1, 2 limit 100`,
  },
  {
    gauges: {
      sagacart_incidents_open: "Open incidents: steps of orders that keep failing.",
      sagacart_incident_oldest_seconds: "Age of the oldest open incident; 0 if there is none.",
    },
    labels: ["step"],
    sql: `select known.step, count(i.id) as sagacart_incidents_open,
            coalesce(extract(epoch from now() - min(i.create_time)), 0)::float8 as sagacart_incident_oldest_seconds
          from unnest(array['look', 'reserve', 'charge', 'ship', 'undo', 'refund']) as known (step)
          left join incidents i on i.step = known.step and i.state = 'OPEN' group by 1`,
  },
  {
    gauges: { sagacart_carts_open: "Carts that are not closed; 100,000 means 100,000 or more." },
    labels: ["owner"],
    sql: `select known.owner, count(c.owner) as sagacart_carts_open
          from unnest(array['customer', 'guest']) as known (owner)
          left join (select case when customer_id is null then 'guest' else 'customer' end as owner
                     from carts where idle_check_time is not null limit 100000) as c using (owner) group by 1`,
  },
];
