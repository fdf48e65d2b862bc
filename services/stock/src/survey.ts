import type { Question } from "@sagacart/chassis/postgres/survey";

/** Queries whose answers are gauges: what reservations hold, and how late their expiry is. */
export const questions: readonly Question[] = [
  {
    gauges: {
      sagacart_reservations: "Reservations that hold stock; counted up to 100,000.",
      sagacart_reserved_units: "How many units they hold.",
      sagacart_reservation_oldest_seconds: "How long ago the oldest of them was made; 0 where there is none.",
    },
    labels: ["state"],
    sql: `select known.state, count(distinct r.id) as sagacart_reservations,
            coalesce(sum(l.quantity), 0)::float8 as sagacart_reserved_units,
            coalesce(extract(epoch from now() - min(r.create_time)), 0)::float8 as sagacart_reservation_oldest_seconds
          from unnest(array['HELD', 'PINNED']) as known (state)
          left join (select id, state, create_time from reservations
                     where state in ('HELD', 'PINNED') order by create_time, id limit 100000) as r using (state)
          left join reservation_lines l on l.reservation_id = r.id group by 1`,
  },
  {
    gauges: {
      sagacart_reservation_expiry_overdue_seconds:
        "How long ago the oldest reservation expired whose stock has not been released.",
    },
    labels: [],
    sql: `select greatest(coalesce(extract(epoch from now() - min(expire_time)), 0), 0)::float8
            as sagacart_reservation_expiry_overdue_seconds from reservations where expire_time is not null`,
  },
];
