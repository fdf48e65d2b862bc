import type { Queryable } from "@sagacart/chassis/postgres";

/** A message to send now. */
export type Outgoing = {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
  /** How often it has been tried, this time included. */
  readonly attempts: number;
  readonly createTime: Date;
};

/** Takes messages whose time has come. For `leaseMs` nobody else takes them. */
export async function claimMessages(
  db: Queryable,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<Outgoing[]> {
  const { rows } = await db.query<Omit<Outgoing, "createTime"> & { create_time: Date }>({
    name: "claim-messages",
    text: `update messages set attempts = attempts + 1, try_time = now() + $2 * interval '1 ms'
           where id in (select id from messages where try_time <= now()
                        order by try_time limit $1 for update skip locked)
           returning id, recipient, subject, text, attempts, create_time`,
    values: [limit, leaseMs],
  });
  return rows.map(({ create_time, ...row }) => ({ ...row, createTime: create_time }));
}

/** Gives back what was taken and not tried. */
export async function releaseMessages(db: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) {
    await db.query({
      name: "release-messages",
      text: `update messages set attempts = attempts - 1, try_time = now()
             where id = any($1) and state = 'PENDING'`,
      values: [ids],
    });
  }
}

/** The mail server has taken it. */
export async function markSent(db: Queryable, id: string): Promise<void> {
  await db.query({
    name: "mark-sent",
    text: `update messages set state = 'SENT', try_time = null, send_time = now(), last_error = ''
           where id = $1 and state = 'PENDING'`,
    values: [id],
  });
}

/** It failed, and is tried again after `retryMs`; or is given up, where that is undefined. */
export async function markFailed(
  db: Queryable,
  { id, error, retryMs }: { id: string; error: string; retryMs: number | undefined },
): Promise<void> {
  await db.query({
    name: "mark-failed",
    text: `update messages
           set state = case when $3::float8 is null then 'FAILED' else 'PENDING' end,
               try_time = now() + $3 * interval '1 ms', last_error = $2
           where id = $1 and state = 'PENDING'`,
    values: [id, error, retryMs ?? null],
  });
}
