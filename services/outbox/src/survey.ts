import type { Question } from "@sagacart/chassis/postgres/survey";

/** The outbox of commands: what waits to be claimed, by kind, and claims that were not confirmed in time. */
export function commandQuestions(kinds: readonly string[]): Question[] {
  const known = kinds.map((kind) => `'${kind}'`).join();
  return [
    {
      gauges: {
        sagacart_commands_waiting: "Commands that no worker has claimed.",
        sagacart_commands_waiting_oldest_seconds: "How long the oldest of them waits; 0 where there is none.",
      },
      labels: ["kind"],
      // Of one that was opened again it counts from then.
      sql: `select kind, waiting.count as sagacart_commands_waiting,
              coalesce(extract(epoch from now() - waiting.since), 0)::float8 as sagacart_commands_waiting_oldest_seconds
            from unnest(array[${known}]) as kind, lateral (
              select count(*), min(update_time) as since from commands c where c.state = 'OPEN' and c.kind = kind.kind
            ) as waiting`,
    },
    {
      gauges: {
        sagacart_command_batches_unconfirmed: "Batches of commands that are claimed and not confirmed.",
        sagacart_command_batches_overdue_seconds:
          "How long ago the oldest claim ran out that nobody took again; 0: none.",
      },
      labels: [],
      sql: `select count(*) as sagacart_command_batches_unconfirmed,
              greatest(coalesce(extract(epoch from now() - min(lease_expire_time)), 0), 0)::float8
                as sagacart_command_batches_overdue_seconds
            from command_batches where state = 'CLAIMED'`,
    },
  ];
}

/** The outbox of events: what has no position in the feed yet, which is the sequencer's work, and how long the feed is. */
export const eventQuestions: readonly Question[] = [
  {
    gauges: {
      sagacart_events_unsequenced:
        "Committed events that are not in the feed yet; 100,000 transactions stand for more.",
      sagacart_events_unsequenced_oldest_seconds: "How long ago the oldest of them happened; 0 where there is none.",
      sagacart_events_head_position: "The last position of the feed: how many events there were.",
    },
    labels: [],
    sql: `select
            (select coalesce(sum(cardinality(subjects)), 0)
             from (select subjects from event_appends limit 100000) as appended) as sagacart_events_unsequenced,
            coalesce((select extract(epoch from clock_timestamp() - e.time)::float8
                      from (select subjects, sequences from event_appends order by number limit 1) as first
                      join events e on e.subject = first.subjects[1] and e.sequence = first.sequences[1]), 0)
              as sagacart_events_unsequenced_oldest_seconds,
            coalesce((select max(position) from event_positions), 0) as sagacart_events_head_position`,
  },
];
