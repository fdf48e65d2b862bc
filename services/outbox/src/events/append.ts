import { callContext } from "@sagacart/chassis/context";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { JsonObject } from "../json.ts";
import { insertEvents } from "./event-store.ts";

export type NewEvent = {
  /** The id of what it happened to. The caller holds the lock of that row, so its events are numbered without gaps. */
  subject: string;
  /** 1, 2, 3 … for this subject. */
  sequence: number | bigint;
  type: string;
  data: JsonObject;
  /** The call that caused it; by default the current one. */
  traceparent?: string | undefined;
};

/**
 * Appends events in the transaction that makes them true, in one statement. Events of one subject are given in order.
 * Notify the feed after the commit.
 */
export async function appendEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) {
    return;
  }
  const current = callContext()?.traceparent;
  await insertEvents(
    tx,
    events.map(({ traceparent = current, ...event }) => ({ ...event, traceparent, id: uuidv7() })),
  );
}
