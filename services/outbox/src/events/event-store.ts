import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { JsonObject } from "../json.ts";

export type NewEventRow = {
  readonly subject: string;
  readonly sequence: number | bigint;
  readonly id: string;
  readonly type: string;
  readonly data: JsonObject;
  readonly traceparent: string | undefined;
};

/** Inserts events, and for the sequencer one note of which they are. */
export async function insertEvents(tx: Queryable, rows: readonly NewEventRow[]): Promise<void> {
  await tx.query({
    name: "append-events",
    // clock_timestamp(), since a transaction may have begun long before it got the lock of its subject.
    text: `with event as (
             insert into events (${newEvents.columns}, time)
             select ${newEvents.columns}, clock_timestamp() from ${newEvents.table})
           insert into event_appends (subjects, sequences) values ($1, $2)`,
    values: newEvents.values(rows),
  });
}

// The first two are the note of the sequencer too.
const newEvents = unnest<NewEventRow>("new", {
  subject: ["text", ({ subject }) => subject],
  sequence: ["bigint", ({ sequence }) => sequence],
  id: ["uuid", ({ id }) => id],
  type: ["text", ({ type }) => type],
  data: ["jsonb", ({ data }) => JSON.stringify(data)],
  traceparent: ["text", ({ traceparent }) => traceparent],
});

/** Lets one sequencer at a time into what follows, until the transaction ends. */
export async function lockSequencer(tx: Transaction): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtext('sagacart.event-feed'))");
}

/**
 * Takes up to `limit` committed notes, the oldest first, and gives their events the next positions. Returns how many notes
 * it took, and to how many events it gave a position.
 */
export async function sequenceEvents(tx: Transaction, limit: number): Promise<{ notes: bigint; events: bigint }> {
  // The limit is a parameter, for a statement without one is planned once and for all, when the tables are empty.
  const { rows } = await tx.query<{ notes: bigint; events: bigint }>({
    name: "sequence-events",
    text: `with taken as (
             delete from event_appends
             where number in (select number from event_appends order by number limit $1)
             returning number, subjects, sequences),
           positioned as (
             insert into event_positions (position, subject, sequence)
             select (select coalesce(max(position), 0) from event_positions)
                    + row_number() over (order by number, ordinality), subject, sequence
             from taken, unnest(subjects, sequences) with ordinality as appended (subject, sequence, ordinality)
             returning 1)
           select (select count(*) from taken) as notes, (select count(*) from positioned) as events`,
    values: [limit],
  });
  return rows[0] ?? { notes: 0n, events: 0n };
}

/** The position of the feed's last event; 0 for an empty feed. */
export async function headPosition(db: Queryable): Promise<bigint> {
  const { rows } = await db.query<{ head: bigint | null }>({
    name: "events-head",
    text: "select max(position) as head from event_positions",
  });
  return rows[0]?.head ?? 0n;
}

export type EventRow = {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly sequence: bigint;
  readonly position: bigint;
  readonly time: Date;
  /** JSON text. */
  readonly data: string;
  readonly traceparent: string | null;
};

/** Lists up to `limit` events of these types, or of all where none is named, after one position and up to another. */
export async function listEvents(
  db: Queryable,
  range: { after: bigint; upTo: bigint; types: readonly string[]; limit: number },
): Promise<readonly EventRow[]> {
  const { rows } = await db.query<EventRow>({
    name: "list-events",
    text: `select id, type, subject, sequence, position, time, data::text as data, traceparent
           from event_positions join events using (subject, sequence)
           where position > $1 and position <= $2 and (cardinality($3::text[]) = 0 or type = any($3))
           order by position limit $4`,
    values: [range.after, range.upTo, range.types, range.limit],
  });
  return rows;
}

/**
 * The position before the first event that happened at this time or later; the last position where there is none.
 *
 * There is no index on the time, and none is needed: events get positions soon after they happen, so their times grow
 * with their positions, but for seconds. A binary search finds the position a minute earlier, which is more than a
 * transaction may take, and the rest is scanned.
 */
export async function positionBefore(db: Queryable, time: Date): Promise<bigint> {
  const head = await headPosition(db);
  const early = new Date(time.getTime() - 60_000);
  let before = 0n;
  let from = head + 1n;
  while (before + 1n < from) {
    const middle = (before + from) / 2n;
    if (await happenedBefore(db, middle, early)) {
      before = middle;
    } else {
      from = middle;
    }
  }
  const { rows } = await db.query<{ position: bigint }>({
    name: "first-event-since",
    text: `select position from event_positions join events using (subject, sequence)
           where position >= $1 and time >= $2 order by position limit 1`,
    values: [from, time],
  });
  return rows[0] === undefined ? head : rows[0].position - 1n;
}

async function happenedBefore(db: Queryable, position: bigint, time: Date): Promise<boolean> {
  const { rows } = await db.query<{ before: boolean }>({
    name: "event-happened-before",
    text: `select time < $2 as before from event_positions join events using (subject, sequence)
           where position >= $1 order by position limit 1`,
    values: [position, time],
  });
  return rows[0]?.before ?? false;
}
