import type { Pool } from "./postgres.ts";

export type Lead = {
  /** Aborted when the connection that holds the lead is lost. */
  readonly lost: AbortSignal;
  give(): void;
};

/** The lead of this name, or undefined while another process has it. An advisory lock: it goes with its connection. */
export async function takeLead(pool: Pool, name: string): Promise<Lead | undefined> {
  const client = await pool.connect();
  const lost = new AbortController();
  const onEnd = () => lost.abort(new Error("the connection that held the lead is lost"));
  client.on("end", onEnd);
  let leads = false;
  try {
    const { rows } = await client.query<{ leads: boolean }>("select pg_try_advisory_lock(hashtext($1)) as leads", [
      name,
    ]);
    leads = rows[0]?.leads ?? false;
  } finally {
    if (!leads) {
      client.off("end", onEnd);
      client.release();
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
