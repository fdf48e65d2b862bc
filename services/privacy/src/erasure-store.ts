import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** Records that these customers' data is to be deleted after `settleMs`; those recorded before stay as they are. */
export async function insertErasures(tx: Transaction, customerIds: readonly string[], settleMs: number): Promise<void> {
  await tx.query({
    name: "insert-erasures",
    text: `insert into erasures (customer_id, next_try_time)
           select id, clock_timestamp() + $2 * interval '1 ms' from unnest($1::text[]) as new (id)
           order by id on conflict do nothing`,
    values: [customerIds, settleMs],
  });
}

/** Lists the customers recorded since a time, or all; later ones may be among them. Returns the time to go on from. */
export async function listErased(
  db: Queryable,
  since: Date | undefined,
): Promise<{ customerIds: readonly string[]; next: Date }> {
  // A transaction may commit after a later one: go back by more than any transaction lasts.
  const { rows } = await db.query<{ ids: string[]; next: Date }>({
    name: "list-erased",
    text: `select array(select customer_id from erasures
                        where begin_time > coalesce($1::timestamptz, '-infinity')) as ids,
                  clock_timestamp() - interval '1 minute' as next`,
    values: [since ?? null],
  });
  return { customerIds: rows[0]?.ids ?? [], next: rows[0]?.next ?? new Date(0) };
}

export type DueErasure = { readonly customerId: string; readonly isDone: boolean; readonly tries: number };

/** Claims erasures that are due. Each is due again after a pause, `retryMs` growing to `longestMs`, unless it is reported. */
export async function claimErasures(
  db: Queryable,
  { limit, retryMs, longestMs }: { limit: number; retryMs: number; longestMs: number },
): Promise<readonly DueErasure[]> {
  const { rows } = await db.query<DueErasure>({
    name: "claim-erasures",
    text: `update erasures
           set tries = tries + 1,
               next_try_time = clock_timestamp() + least($3, $2 * 2 ^ least(tries, 30)) * interval '1 ms'
           where customer_id in (select customer_id from erasures where next_try_time <= clock_timestamp()
                                 order by next_try_time limit $1 for update skip locked)
           returning customer_id as "customerId", done_time is not null as "isDone", tries`,
    values: [limit, retryMs, longestMs],
  });
  return rows;
}

export async function markDone(db: Queryable, customerId: string): Promise<void> {
  await db.query({
    name: "mark-erasure-done",
    text: "update erasures set done_time = clock_timestamp() where customer_id = $1 and done_time is null",
    values: [customerId],
  });
}

export async function markReported(db: Queryable, customerId: string): Promise<void> {
  await db.query({
    name: "mark-erasure-reported",
    text: `update erasures set report_time = clock_timestamp(), next_try_time = null
           where customer_id = $1 and done_time is not null`,
    values: [customerId],
  });
}
