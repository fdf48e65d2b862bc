import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { Event } from "@sagacart/proto/event/v1/event";

/** An event that could not be read, and why. */
export type Skipped = { readonly event: Event; readonly reason: string };

const rows = unnest<Skipped>("skipped", {
  event_id: ["text", ({ event }) => event.id],
  position: ["bigint", ({ event }) => event.position],
  type: ["text", ({ event }) => event.type],
  reason: ["text", ({ reason }) => reason],
  // Postgres does not store NUL.
  data: ["text", ({ event }) => event.data.replaceAll("\0", "")],
});

/** Records skipped events, each once. */
export async function insertSkipped(db: Queryable, skipped: readonly Skipped[]): Promise<void> {
  if (skipped.length > 0) {
    await db.query({
      name: "record-skipped",
      text: `insert into skipped_events (${rows.columns}) select * from ${rows.table} on conflict do nothing`,
      values: rows.values(skipped),
    });
  }
}
