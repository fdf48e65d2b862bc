import { callContext } from "@sagacart/chassis/context";
import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { isSampled } from "@sagacart/chassis/trace/traceparent";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { JsonObject } from "../json.ts";
import { insertCommands } from "./command-store.ts";

export type NewCommand = {
  kind: string;
  /** The id of what it is about. */
  subject: string;
  data?: JsonObject;
  /** The trace that it belongs to; by default that of the current call. */
  traceparent?: string | undefined;
  /** Already being done, so that no worker is to claim it. Only for tracked kinds. */
  started?: boolean;
};

/** Records commands in the transaction that decided on them, in one statement. Notify the outbox after the commit. */
export async function recordCommands(tx: Queryable, commands: readonly NewCommand[]): Promise<void> {
  if (commands.length === 0) {
    return;
  }
  const current = callContext()?.traceparent;
  const rows = commands.map(({ kind, subject, data = {}, traceparent = current, started = false }) => ({
    id: uuidv7(),
    kind,
    subject,
    data,
    state: started ? ("STARTED" as const) : ("OPEN" as const),
    traceparent: isSampled(traceparent) ? traceparent : undefined,
  }));
  await insertCommands(tx, rows);
}
