import { DatabaseUnavailableError } from "./failure.ts";
import type { Pool } from "./pool.ts";

export type Lead = {
  /** Aborted when the connection that holds the lock is lost. */
  readonly lost: AbortSignal;
  give(): void;
};

/**
 * Tries to become the leader of this name; returns undefined while another process is. The lock is an advisory lock, which
 * ends with its connection. Fails on a read-only server: a lock there does not exclude a leader on the primary.
 */
export async function takeLead(pool: Pool, name: string): Promise<Lead | undefined> {
  const client = await pool.connect();
  const lost = new AbortController();
  const onEnd = () => lost.abort(new Error("the connection that held the leader lock is lost"));
  client.on("end", onEnd);
  let leads = false;
  let failed = true;
  try {
    const { rows } = await client.query<{ writes: boolean; leads: boolean }>(
      `select writes, case when writes then pg_try_advisory_lock(hashtext($1)) else false end as leads
       from (select not current_setting('transaction_read_only')::bool as writes) as server`,
      [name],
    );
    if (rows[0]?.writes === false) {
      throw new DatabaseUnavailableError("the server of this connection is read-only: there is another primary");
    }
    leads = rows[0]?.leads ?? false;
    failed = false;
  } finally {
    if (!leads) {
      client.off("end", onEnd);
      client.release(failed);
    }
  }
  return leads
    ? {
        lost: lost.signal,
        give() {
          client.off("end", onEnd);
          // Ends the connection, and the lock with it.
          client.release(true);
        },
      }
    : undefined;
}
