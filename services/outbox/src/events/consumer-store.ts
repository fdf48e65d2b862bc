import type { Queryable } from "@sagacart/chassis/postgres/pool";

/** A consumer of this feed, and how far it has read. */
export type Consumer = {
  readonly name: string;
  readonly position: bigint;
  readonly generation: bigint;
  readonly headPosition: bigint;
  /** The age of the oldest event that it has not acknowledged, in ms; 0 if there is none. */
  readonly lagMs: number;
  readonly seenTime: Date;
  readonly createTime: Date;
  readonly replayTime: Date | null;
  readonly replayPosition: bigint | null;
  readonly replayReason: string;
};

export async function findConsumer(db: Queryable, name: string): Promise<Consumer | undefined> {
  const { rows } = await db.query<Consumer>({
    name: "find-event-consumer",
    text: `${consumers} where name = $1`,
    values: [name],
  });
  return rows[0];
}

export async function listConsumers(
  db: Queryable,
  { afterName, limit }: { afterName: string; limit: number },
): Promise<Consumer[]> {
  const { rows } = await db.query<Consumer>({
    name: "list-event-consumers",
    text: `${consumers} where name > $1 order by name limit $2`,
    values: [afterName, limit],
  });
  return rows;
}

/** Marks a consumer as seen, and returns its position. Undefined if there is no such consumer. */
export async function seeConsumer(
  db: Queryable,
  name: string,
): Promise<{ position: bigint; generation: bigint } | undefined> {
  const { rows } = await db.query<{ position: bigint; generation: bigint }>({
    name: "see-event-consumer",
    text: `update event_consumers set seen_time = clock_timestamp() where name = $1 returning position, generation`,
    values: [name],
  });
  return rows[0];
}

/** Reads a consumer's generation without a write; undefined if there is no such consumer. */
export async function generationOf(db: Queryable, name: string): Promise<bigint | undefined> {
  const { rows } = await db.query<{ generation: bigint }>({
    name: "event-consumer-generation",
    text: "select generation from event_consumers where name = $1",
    values: [name],
  });
  return rows[0]?.generation;
}

/**
 * Advances a consumer's position, never back within a generation; creates the consumer if there is none. Returns false if it
 * was set back since. A commit may have a later generation than the row, if the row was lost and restored: then it wins.
 */
export async function commitPosition(
  db: Queryable,
  { name, position, generation }: { name: string; position: bigint; generation: bigint },
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "commit-event-consumer",
    text: `insert into event_consumers as known (name, position, generation) values ($1, $2, $3)
           on conflict (name) do update set
             position = case when known.generation < excluded.generation then excluded.position
                        else greatest(known.position, excluded.position) end,
             generation = excluded.generation,
             seen_time = clock_timestamp()
           where known.generation <= excluded.generation`,
    values: [name, position, generation],
  });
  return rowCount === 1;
}

/** Sets a consumer back, if it is of this generation and not behind that position. Returns false if not. */
export async function replayConsumer(
  db: Queryable,
  { name, generation, position, reason }: { name: string; generation: bigint; position: bigint; reason: string },
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "replay-event-consumer",
    text: `update event_consumers set position = $3, generation = generation + 1,
             replay_time = clock_timestamp(), replay_position = $3, replay_reason = $4
           where name = $1 and generation = $2 and position >= $3`,
    values: [name, generation, position, reason],
  });
  return rowCount === 1;
}

export async function deleteConsumer(db: Queryable, name: string): Promise<void> {
  await db.query({
    name: "delete-event-consumer",
    text: "delete from event_consumers where name = $1",
    values: [name],
  });
}

const consumers = `
  select name, event_consumers.position, generation, seen_time as "seenTime", create_time as "createTime",
    replay_time as "replayTime", replay_position as "replayPosition", replay_reason as "replayReason",
    coalesce((select max(position) from event_positions), 0) as "headPosition",
    coalesce(greatest(extract(epoch from clock_timestamp() - oldest.time) * 1000, 0), 0)::float8 as "lagMs"
  from event_consumers left join lateral (
    select time from event_positions join events using (subject, sequence)
    where event_positions.position > event_consumers.position order by event_positions.position limit 1
  ) as oldest on true`;
