import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import { validate as isUuid, NIL } from "uuid";
import type { JsonObject } from "../json.ts";

export type CommandRow = {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly data: JsonObject;
  readonly state: "OPEN" | "STARTED";
  readonly traceparent: string | undefined;
};

export async function insertCommands(tx: Queryable, rows: readonly CommandRow[]): Promise<void> {
  await tx.query({
    name: "record-commands",
    text: `insert into commands (${newCommands.columns}) select * from ${newCommands.table}`,
    values: newCommands.values(rows),
  });
}

const newCommands = unnest<CommandRow>("new", {
  id: ["uuid", ({ id }) => id],
  kind: ["text", ({ kind }) => kind],
  subject: ["text", ({ subject }) => subject],
  data: ["jsonb", ({ data }) => JSON.stringify(data)],
  state: ["text", ({ state }) => state],
  traceparent: ["text", ({ traceparent }) => traceparent],
});

/** Deletes the commands of these kinds about subjects that are done, or that another command takes over. */
export async function finishCommands(
  tx: Queryable,
  subjects: readonly string[],
  kinds: readonly string[],
): Promise<void> {
  await tx.query({
    name: "finish-commands",
    text: "delete from commands where subject = any($1) and kind = any($2)",
    values: [subjects, kinds],
  });
}

export type Claim = {
  readonly claimer: string;
  readonly kinds: readonly string[];
  readonly maxCommands: number;
  readonly leaseMs: number;
};

export type ClaimedRow = {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  /** JSON text. */
  readonly data: string;
  /** With this one. */
  readonly deliveries: number;
  readonly traceparent: string | null;
};

/** Takes over one batch whose claimer did not confirm it in time, with the members that it had. */
export async function claimExpiredBatch(
  db: Queryable,
  { claimer, kinds, leaseMs }: Claim,
): Promise<{ batchId: string; rows: readonly ClaimedRow[] } | undefined> {
  const { rows } = await db.query<ClaimedRow & { batch_id: string }>({
    name: "claim-expired-batch",
    text: `with expired as (
             select id from command_batches
             where state = 'CLAIMED' and lease_expire_time < now() and kinds <@ $1
             order by lease_expire_time for update skip locked limit 1
           ), renewed as (
             update command_batches b set claimer = $2, lease_expire_time = now() + $3 * interval '1 ms'
             from expired where b.id = expired.id returning b.id
           )
           update commands c set deliveries = deliveries + 1, update_time = now()
           from renewed where c.batch_id = renewed.id and c.state = 'CLAIMED'
           returning c.id, c.kind, c.subject, c.data::text, c.deliveries, c.traceparent, c.batch_id`,
    values: [kinds, claimer, leaseMs],
  });
  const batchId = rows[0]?.batch_id;
  return batchId === undefined ? undefined : { batchId, rows };
}

/** Makes the oldest open commands the members of a new batch; makes none where there are no open commands. */
export async function claimOpenCommands(db: Queryable, claim: Claim, batchId: string): Promise<readonly ClaimedRow[]> {
  const { rows } = await db.query<ClaimedRow>({
    name: "claim-open-commands",
    text: `with picked as materialized (
             select id from commands where state = 'OPEN' and kind = any($1)
             order by create_time, id limit $2 for update skip locked
           ), batch as (
             insert into command_batches (id, kinds, claimer, lease_expire_time)
             select $3, $1, $4, now() + $5 * interval '1 ms' where exists (select 1 from picked)
           )
           update commands c set state = 'CLAIMED', batch_id = $3, deliveries = deliveries + 1, update_time = now()
           from picked where c.id = picked.id
           returning c.id, c.kind, c.subject, c.data::text, c.deliveries, c.traceparent`,
    values: [claim.kinds, claim.maxCommands, batchId, claim.claimer, claim.leaseMs],
  });
  return rows;
}

/** Locks a batch until the transaction ends. Returns false if there is no such batch. */
export async function lockBatch(tx: Transaction, batchId: string): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "lock-command-batch",
    text: "select 1 from command_batches where id = $1 for update",
    values: [uuidOrNil(batchId)],
  });
  return rowCount === 1;
}

/** The members that are confirmed: those with these ids, or all where there are none. */
export type Confirmation = {
  readonly batchId: string;
  readonly commandIds: readonly string[];
  readonly tracked: readonly string[];
};

/** Marks the confirmed members of tracked kinds as started. */
export async function startMembers(tx: Transaction, { batchId, commandIds, tracked }: Confirmation): Promise<void> {
  await tx.query({
    name: "start-commands",
    text: `update commands set state = 'STARTED', update_time = now() where ${confirmedMembers} and kind = any($3)`,
    values: [batchId, commandIds.map(uuidOrNil), tracked],
  });
}

/** Deletes the confirmed members of all other kinds: they are done. */
export async function deleteMembers(tx: Transaction, { batchId, commandIds, tracked }: Confirmation): Promise<void> {
  await tx.query({
    name: "delete-commands",
    text: `delete from commands where ${confirmedMembers} and kind <> all($3)`,
    values: [batchId, commandIds.map(uuidOrNil), tracked],
  });
}

const confirmedMembers = "batch_id = $1 and state = 'CLAIMED' and (cardinality($2::uuid[]) = 0 or id = any($2))";

/** Marks the batch as confirmed, if all of it is confirmed at once or no member is left to confirm. */
export async function confirmWholeBatch(tx: Transaction, { batchId, commandIds }: Confirmation): Promise<void> {
  await tx.query({
    name: "confirm-command-batch",
    text: `update command_batches set state = 'CONFIRMED' where id = $1
           and ($2 or not exists (select 1 from commands where batch_id = $1 and state = 'CLAIMED'))`,
    values: [batchId, commandIds.length === 0],
  });
}

/** Deletes batches that were confirmed a day ago and have no members left. */
export async function deleteOldBatches(db: Queryable): Promise<void> {
  await db.query(
    `delete from command_batches b where state = 'CONFIRMED' and create_time < now() - interval '1 day'
     and not exists (select from commands where batch_id = b.id)`,
  );
}

/**
 * SQL condition: a command `c` was handed over to Temporal. It is STARTED, or a member of a batch that was confirmed as a
 * whole, which saves a write for each member.
 */
export const isStarted = `(c.state = 'STARTED' or (c.state = 'CLAIMED' and exists (
  select from command_batches b where b.id = c.batch_id and b.state = 'CONFIRMED')))`;

/** Stands in for an id that is no UUID and so names nothing. The nil UUID is never given out. */
function uuidOrNil(id: string): string {
  return isUuid(id) ? id : NIL;
}
