import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** Returns the sequence of the last event of each of these users that has one. */
export async function lastSequences(db: Queryable, userIds: readonly string[]): Promise<Map<string, bigint>> {
  const { rows } = await db.query<{ subject: string; sequence: bigint }>({
    name: "last-user-events",
    text: `select subject, max(sequence) as sequence from events where subject = any($1) group by subject`,
    values: [userIds],
  });
  return new Map(rows.map(({ subject, sequence }) => [subject, sequence]));
}

/** Removes the e-mail addresses from the events of these users. */
export async function forgetAddresses(tx: Queryable, userIds: readonly string[]): Promise<void> {
  await tx.query({
    name: "forget-addresses",
    text: `update events set data = data - 'email' where subject = any($1) and data ? 'email'`,
    values: [userIds],
  });
}

/** Lets one process at a time into what follows, until the transaction ends. */
export async function lockAnnouncements(tx: Transaction): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtext('sagacart.user-announcements'))");
}

/** A user whose last event does not tell what is true now. */
export type Unannounced = {
  readonly id: string;
  readonly email: string;
  readonly isEmailVerified: boolean;
  readonly isKnown: boolean;
  /** True if the last event has another address. */
  readonly isMoved: boolean;
};

/** Finds and locks up to `limit` users without events, or whose last event has another address or verification. */
export async function lockUnannounced(tx: Transaction, limit: number): Promise<readonly Unannounced[]> {
  const { rows } = await tx.query<Unannounced>({
    name: "lock-unannounced",
    text: `select users.id, email, email = verified_email as "isEmailVerified", last.data is not null as "isKnown",
                  last.data->>'email' is distinct from email as "isMoved"
           from users left join lateral (
             select data from events where subject = users.id order by sequence desc limit 1) as last on true
           where (last.data->>'email', (last.data->>'emailVerified')::boolean)
                 is distinct from (email, email = verified_email)
           order by users.id limit $1 for no key update of users`,
    values: [limit],
  });
  return rows;
}

/** Lists up to `limit` users who have events and are gone, without an event that says so. */
export async function listGone(tx: Transaction, limit: number): Promise<readonly string[]> {
  const { rows } = await tx.query<{ subject: string }>({
    name: "list-gone",
    text: `select subject from events left join users on users.id = subject
           where users.id is null group by subject having not bool_or(type = 'sagacart.user.deleted.v1')
           order by subject limit $1`,
    values: [limit],
  });
  return rows.map(({ subject }) => subject);
}
