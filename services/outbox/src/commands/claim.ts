import { create } from "@bufbuild/protobuf";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createSleeper } from "@sagacart/chassis/time/sleeper";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Command, CommandSchema } from "@sagacart/proto/command/v1/command";
import { type Claim, type ClaimedRow, claimExpiredBatch, claimOpenCommands } from "./command-store.ts";

export type Batch = { readonly batchId: string; readonly commands: Command[] };

export type Claimer = {
  /** Claims a batch, waiting up to `waitMs` for one. Undefined when the time is over or the signal is aborted. */
  claim(claim: Claim, waitMs: number, signal: AbortSignal): Promise<Batch | undefined>;
};

export function createClaimer(pool: Pool, wake: { subscribe(listener: () => void): () => void }): Claimer {
  const isExpiryCheckDue = createExpiryCheck();
  return {
    async claim(claim, waitMs, signal) {
      const endMs = Date.now() + waitMs;
      using sleeper = createSleeper({ signal, wake });
      for (;;) {
        if (signal.aborted) {
          return undefined;
        }
        const batch = await claimBatch(pool, claim, isExpiryCheckDue(claim.kinds));
        const leftMs = endMs - Date.now();
        if (batch !== undefined || leftMs <= 0) {
          return batch;
        }
        // A wake-up may be lost with a connection, and an expired lease gives none.
        await sleeper.sleep(Math.min(leftMs, 1_000));
      }
    },
  };
}

/** Returns true at most four times a second for the same kinds: leases last for seconds. */
function createExpiryCheck(): (kinds: readonly string[]) => boolean {
  const lastMs = new Map<string, number>();
  return (kinds) => {
    const key = kinds.join();
    const nowMs = performance.now();
    const isDue = nowMs - (lastMs.get(key) ?? Number.NEGATIVE_INFINITY) >= 250;
    if (isDue) {
      lastMs.set(key, nowMs);
    }
    return isDue;
  };
}

async function claimBatch(pool: Pool, claim: Claim, withExpired: boolean): Promise<Batch | undefined> {
  const expired = withExpired ? await claimExpiredBatch(pool, claim) : undefined;
  if (expired !== undefined) {
    return { batchId: expired.batchId, commands: toCommands(expired.rows) };
  }
  const batchId = uuidv7();
  const rows = await claimOpenCommands(pool, claim, batchId);
  return rows.length === 0 ? undefined : { batchId, commands: toCommands(rows) };
}

/** Oldest first: the ids are UUIDv7, which sort by time. */
function toCommands(rows: readonly ClaimedRow[]): Command[] {
  return rows
    .map(({ id, kind, subject, data, deliveries, traceparent }) =>
      create(CommandSchema, {
        id,
        kind,
        orderId: subject,
        data,
        deliveries: deliveries - 1,
        traceparent: traceparent ?? "",
      }),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
