import type { Question } from "@sagacart/chassis/postgres/survey";

/** Gauges of the command outbox: commands that wait to be claimed, by kind, and claims that were not confirmed in time. */
export function commandQuestions(kinds: readonly string[]): Question[] {
  const known = kinds.map((kind) => `'${kind}'`).join();
  return [
    {
      gauges: {
        sagacart_commands_waiting: "Commands that wait to be claimed.",
        sagacart_commands_waiting_oldest_seconds: "How long the oldest of them has waited; 0 if there is none.",
      },
      labels: ["kind"],
      // A command that was opened again counts from then.
      sql: `select kind, waiting.count as sagacart_commands_waiting,
              coalesce(extract(epoch from now() - waiting.since), 0)::float8 as sagacart_commands_waiting_oldest_seconds
            from unnest(array[${known}]) as kind, lateral (
              select count(*), min(update_time) as since from commands c where c.state = 'OPEN' and c.kind = kind.kind
            ) as waiting`,
    },
    {
      gauges: {
        sagacart_command_batches_unconfirmed: "Batches of commands that are claimed and not confirmed.",
        sagacart_command_batches_overdue_seconds: "How long ago the oldest expired lease ended; 0 if there is none.",
      },
      labels: [],
      sql: `select count(*) as sagacart_command_batches_unconfirmed,
              greatest(coalesce(extract(epoch from now() - min(lease_expire_time)), 0), 0)::float8
                as sagacart_command_batches_overdue_seconds
            from command_batches where state = 'CLAIMED'`,
    },
  ];
}

/** Gauges of the event outbox: events that the sequencer has given no position yet, and the length of the feed. */
export const eventQuestions: readonly Question[] = [
  {
    gauges: {
      sagacart_events_unsequenced: "Committed events that are not in the feed yet, of at most 100,000 transactions.",
      sagacart_events_unsequenced_oldest_seconds: "The age of the oldest of them; 0 if there is none.",
      sagacart_events_head_position: "The last position of the feed, which is the number of its events.",
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
